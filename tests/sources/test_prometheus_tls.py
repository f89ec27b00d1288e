"""Whose certificate is trusted, and which is shown."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.needs import need
from tests.sources.fake_prometheus import Fake, serving

from canarystats.errors import SourceError, SourceErrorKind
from canarystats.sources import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    need(shutil.which("openssl") is not None, "openssl")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=loopback"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *words, *names], check=True, capture_output=True, timeout=60)
    return cert, key


@pytest.fixture
def fake(certificate: tuple[Path, Path]) -> Iterator[Fake]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate[0])
    context.load_cert_chain(*certificate)
    with serving(Fake(status={"/api/v1/status/buildinfo": {"version": "3.0.1"}}), context) as up:
        yield up


def test_a_certificate_nobody_vouches_for_is_refused(fake: Fake) -> None:
    with pytest.raises(SourceError, match="certificate") as caught:
        Prometheus(fake.url, retries=0).version()
    assert caught.value.kind is SourceErrorKind.UNREACHABLE
    assert not fake.asked


def test_a_ca_file_makes_it_trusted(fake: Fake, certificate: tuple[Path, Path]) -> None:
    assert Prometheus(fake.url, ca_file=certificate[0]).version() == "3.0.1"


def test_verification_can_be_turned_off(fake: Fake) -> None:
    assert Prometheus(fake.url, verify=False).version() == "3.0.1"


def test_a_client_certificate_is_shown(certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=cert)
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(Fake(status={"/api/v1/status/buildinfo": {"version": "3.0.1"}}), context) as fake:
        shown = Prometheus(fake.url, ca_file=cert, client_cert=cert, client_key=key)
        assert shown.version() == "3.0.1"
        with pytest.raises(SourceError) as caught:
            Prometheus(fake.url, ca_file=cert, retries=0).version()
        assert caught.value.kind is SourceErrorKind.UNREACHABLE

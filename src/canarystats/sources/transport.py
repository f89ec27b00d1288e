"""One method that carries a request to a server and its answer back; users may bring their own.

The rim of the rim: nothing here knows Prometheus. The default speaks HTTP through urllib3, follows
no redirect (a credential never travels to another host) and retries nothing; who sends decides.
"""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlencode

import urllib3
from urllib3 import exceptions as refused

from canarystats.errors import InputError, SourceError, SourceErrorKind

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Response:
    """What a server answered.

    Parameters
    ----------
    status
        HTTP status code.
    headers
        Header names, in any case, to values.
    body
        The decoded (not compressed) body.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header's value whatever the case of its name, or nothing."""
        for key, value in self.headers.items():
            if key.lower() == name.lower():
                return value
        return ""


class Transport(Protocol):
    """Carries one request and brings back the answer, whatever its status."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str]
    ) -> Response:
        """Send one request.

        Parameters
        ----------
        method
            ``GET`` (with an empty form) or ``POST``.
        url
            Where to; it holds no credentials.
        headers
            What to send along, credentials among them.
        form
            Fields of the body, ``application/x-www-form-urlencoded``.

        Raises
        ------
        SourceError
            If no whole answer came back: kind ``unreachable``, ``timeout`` or ``malformed``. An
            `OSError` is taken for ``unreachable``, a `TimeoutError` for ``timeout``.
        """
        ...


class HttpTransport:
    """HTTP and HTTPS through urllib3, with connections kept open between requests.

    Parameters
    ----------
    timeout_seconds
        Longest wait for a connection, and for each piece of the answer.
    ca_file
        Certificates to trust instead of the system's.
    client_cert, client_key
        The certificate this client shows, and its key where it lies in another file.
    verify
        Whether the server's certificate is checked.

    Raises
    ------
    InputError
        If a file cannot be read or used, or settings contradict each other.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = 10.0,
        ca_file: str | Path | None = None,
        client_cert: str | Path | None = None,
        client_key: str | Path | None = None,
        verify: bool = True,
    ) -> None:
        context = _tls(ca_file, client_cert, client_key, verify=verify)
        self._timeout = urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)
        self._seconds = timeout_seconds
        self._pool = urllib3.PoolManager(ssl_context=context, retries=False)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str]
    ) -> Response:
        """Send one request; see `Transport.send`."""
        body = urlencode(form).encode() if method == "POST" else None
        sent = {"Accept": "application/json", "Accept-Encoding": "gzip", **headers}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            with warnings.catch_warnings():
                # whoever turns verification off has been told what that means
                warnings.simplefilter("ignore", refused.InsecureRequestWarning)
                answer = self._pool.request(
                    method, url, body=body, headers=sent, timeout=self._timeout, redirect=False
                )
        except refused.NewConnectionError as error:  # to urllib3 a kind of timeout
            raise SourceError(SourceErrorKind.UNREACHABLE, f"{url}: {_why(error)}") from error
        except (refused.TimeoutError, TimeoutError) as error:
            raise SourceError(
                SourceErrorKind.TIMEOUT, f"{url} gave no answer within {self._seconds:g} s"
            ) from error
        except (refused.DecodeError, refused.LocationValueError) as error:
            raise SourceError(SourceErrorKind.MALFORMED, f"{url}: {_why(error)}") from error
        except (refused.HTTPError, OSError) as error:
            raise SourceError(SourceErrorKind.UNREACHABLE, f"{url}: {_why(error)}") from error
        return Response(answer.status, dict(answer.headers.items()), answer.data)


def _why(error: BaseException) -> str:
    """The reason without urllib3's object addresses, which differ from run to run."""
    text = str(error)
    return text.rsplit(">: ", maxsplit=1)[-1] if ">: " in text else text or type(error).__name__


def _tls(
    ca_file: str | Path | None,
    client_cert: str | Path | None,
    client_key: str | Path | None,
    *,
    verify: bool,
) -> ssl.SSLContext | None:
    """What TLS needs, or None for urllib3's own: loading the system's certificates takes time."""
    if client_key is not None and client_cert is None:
        msg = "client_key is given without client_cert; give both, or the certificate alone"
        raise InputError(msg)
    if ca_file is not None and not verify:
        msg = "ca_file is given and verify is off; a certificate is either checked or not"
        raise InputError(msg)
    if ca_file is None and client_cert is None and verify:
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        msg = f"ca_file {str(ca_file)!r} cannot be used: {error}"
        raise InputError(msg) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_cert is not None:
        try:
            context.load_cert_chain(client_cert, client_key)
        except OSError as error:
            msg = f"client_cert {str(client_cert)!r} cannot be used: {error}"
            raise InputError(msg) from error
    return context

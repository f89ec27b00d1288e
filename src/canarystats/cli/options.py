"""The options that several commands share, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canarystats.errors import InputError
from canarystats.policy import parse_duration
from canarystats.presets import load_policy
from canarystats.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.policy import Policy
    from canarystats.sources.prometheus import Prometheus

Connect = Callable[[str], "Prometheus"]

EXIT_CODES = {Decision.PROMOTE: 0, Decision.HOLD: 10, Decision.ROLLBACK: 20}
DEFAULT_POLICY = "eight-triggers"


class Format(StrEnum):
    """How a verdict is printed."""

    TEXT = "text"
    JSON = "json"


PolicyName = Annotated[
    str | None,
    typer.Option("--policy", "-p", help="A preset's name or a policy file. [eight-triggers]"),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="METRIC", help="Leave this metric out. Repeatable."),
]
Share = Annotated[
    float | None,
    typer.Option(
        "--share", help="The canary's designed share of the traffic, such as 0.05; the stage's."
    ),
]
Stage = Annotated[
    str | None,
    typer.Option("--stage", metavar="NAME", help="The stage of the policy, such as canary-5."),
]
Rollout = Annotated[
    str, typer.Option("--rollout", help="The rollout's name; replicas give the same one.")
]
Output = Annotated[Format, typer.Option("--format", "-f", help="How to print the verdict.")]
Url = Annotated[
    str | None,
    typer.Option("--prometheus", metavar="URL", help="Read from this Prometheus server."),
]
Canary = Annotated[
    str | None,
    typer.Option(
        "--canary", metavar="MATCHERS", help="Label matchers of the canary, e.g. 'version=\"v2\"'."
    ),
]
Baseline = Annotated[
    str | None, typer.Option("--baseline", metavar="MATCHERS", help="And of the baseline.")
]
Offset = Annotated[
    str,
    typer.Option(
        "--baseline-offset",
        metavar="DURATION",
        help="Read the baseline from this long before: the same pods before the change.",
    ),
]
History = Annotated[
    str | None,
    typer.Option(
        "--history",
        metavar="DURATION",
        help="Learn the ordinary noise from so long before the rollout, such as 4h.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option("--bearer", envvar="CANARYSTATS_BEARER", help="Bearer token.", show_envvar=True),
]
Basic = Annotated[
    str | None,
    typer.Option(
        "--basic", metavar="USER:PASSWORD", envvar="CANARYSTATS_BASIC", help="Basic credentials."
    ),
]
Tenant = Annotated[str | None, typer.Option("--tenant", help="X-Scope-OrgID (Mimir, Cortex).")]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="'NAME: VALUE'", help="Another header. Repeatable."),
]
CaFile = Annotated[Path | None, typer.Option("--ca-file", help="Trust this certificate authority.")]
ClientCert = Annotated[Path | None, typer.Option("--client-cert", help="TLS client certificate.")]
ClientKey = Annotated[Path | None, typer.Option("--client-key", help="Its key.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="Do not verify the server.")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds for one request.")]
Scrape = Annotated[
    str | None,
    typer.Option(
        "--scrape-interval", metavar="DURATION", help="The server's; asked of it where not given."
    ),
]


def chosen_policy(name: str | None, without: Sequence[str] | None, default: str | None) -> Policy:
    """The policy the options name, without the metrics they leave out."""
    if name is not None and not name.strip():
        msg = "--policy: the name is empty; give a preset or a policy file"
        raise InputError(msg)
    return load_policy(name or default or DEFAULT_POLICY).without(*(without or ()))


def at_stage(policy: Policy, stage: str | None) -> Policy:
    """The policy at the stage the option names; a ladder is never judged as a whole."""
    if stage is not None:
        return policy.at_stage(stage)
    if policy.stages:
        names = ", ".join(step.name for step in policy.stages)
        msg = f"the policy {policy.name!r} has stages; name one with --stage: {names}"
        raise InputError(msg)
    return policy


def seconds(text: str, option: str) -> float:
    """Seconds in a duration option."""
    try:
        return parse_duration(text)
    except ValueError as error:
        msg = f"{option}: {error}"
        raise InputError(msg) from error


def moment(text: str, option: str, now: float) -> float:
    """Unix seconds in a time option: a number, RFC 3339 with an offset, ``now`` or ``-1h``."""
    if text == "now":
        return now
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if text.startswith("-"):
        return now - seconds(text[1:], option)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        msg = (
            f"{option}: {text!r} is not a time; write Unix seconds, 2026-01-31T12:00:00Z, "
            "now or -1h"
        )
        raise InputError(msg)
    return at.timestamp()


def asks_a_server(command: Callable[..., int]) -> Callable[..., int]:
    """The command with the options of a server, which it is given as ``connect``."""
    own = [p for p in _parameters(command) if p.name != "connect"]
    shared = [p for p in _parameters(_server) if p.name != "url"]

    @wraps(command)
    def asked(**given: Any) -> int:
        told = {p.name: given.pop(p.name) for p in shared}
        return command(**given, connect=partial(_server, **told))

    every = [*(p.replace(kind=Parameter.KEYWORD_ONLY) for p in own), *shared]
    # typer reads the options of a command from these two.
    asked.__signature__ = Signature(every, return_annotation=int)  # type: ignore[attr-defined]
    asked.__annotations__ = {p.name: p.annotation for p in every} | {"return": int}
    return asked


def _parameters(function: Callable[..., object]) -> list[Parameter]:
    return list(signature(function, eval_str=True).parameters.values())


def _server(
    url: str,
    *,
    bearer: Token = None,
    basic: Basic = None,
    tenant: Tenant = None,
    header: Header = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    client_key: ClientKey = None,
    insecure: Insecure = False,
    timeout: Timeout = 10.0,
    scrape_interval: Scrape = None,
) -> Any:
    """The Prometheus server that the options describe."""
    from canarystats.sources import Prometheus

    headers = {}
    for line in header or ():
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            msg = f"--header: {line!r} is not 'Name: value'"
            raise InputError(msg)
        headers[name.strip()] = value.strip()
    user, colon, password = (basic or "").partition(":")
    if basic and not colon:
        msg = "--basic: write user:password"
        raise InputError(msg)
    return Prometheus(
        url,
        bearer=bearer,
        basic=(user, password) if basic else None,
        tenant=tenant,
        headers=headers or None,
        ca_file=str(ca_file) if ca_file else None,
        client_cert=str(client_cert) if client_cert else None,
        client_key=str(client_key) if client_key else None,
        verify=not insecure,
        timeout_seconds=timeout,
        scrape_interval_seconds=(
            None if scrape_interval is None else seconds(scrape_interval, "--scrape-interval")
        ),
    )

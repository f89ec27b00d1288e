"""``canarystats policy``: check, show and list policies."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from canarystats.cli import options
from canarystats.cli.output import terminal_width
from canarystats.presets import load_policy, preset_names

app = typer.Typer(
    help="Check, show and list policies.", no_args_is_help=True, rich_markup_mode=None
)
Name = Annotated[str, typer.Argument(metavar="POLICY", help="A preset's name or a policy file.")]


@app.command("check")
def check(policy: Name) -> int:
    """Say whether a policy is right; the first fault is named with its path."""
    typer.echo(repr(load_policy(policy)))
    return 0


@app.command("show")
def show(
    policy: Name = options.DEFAULT_POLICY,
    stage: options.Stage = None,
    without: options.Without = None,
    format: options.Output = options.Format.TEXT,  # noqa: A002
) -> int:
    """Show a policy or one of its stages as a person wants to read it, defaults filled in."""
    chosen = load_policy(policy).without(*(without or ()))
    chosen = chosen if stage is None else chosen.at_stage(stage)
    if format is options.Format.JSON:
        typer.echo(json.dumps(chosen.model_dump(mode="json", by_alias=True)))
        return 0
    from canarystats.report.text import policy_lines

    typer.echo(policy_lines(chosen, width=terminal_width(), colour=sys.stdout.isatty()))
    return 0


@app.command("list")
def list_presets() -> int:
    """List the presets that ship with the library."""
    for name in preset_names():
        typer.echo(f"{name}  {load_policy(name).description}".rstrip())
    return 0

"""The command line: what an engineer on call, a script or a sidecar types.

Exit codes: 0 promote, 10 hold, 20 rollback, 2 usage, 4 the source failed. 1 stays "crashed" and is
never a decision. With ``--format json`` only JSON goes to standard output; everything else goes to
standard error.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Annotated, NoReturn, ParamSpec

import typer

from canarystats.cli import (
    back_to_baseline,
    demo,
    explain,
    joint,
    judge,
    plan,
    policy,
    validate,
    validations,
    watch,
)
from canarystats.errors import CanaryStatsError, SourceError, SourceErrorKind
from canarystats.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
USAGE, SOURCE_FAILED = 2, 4
INTERRUPTED = 130

app = typer.Typer(
    name="canarystats",
    help=(
        "Compare a canary with its baseline and say promote, hold or rollback.\n\n"
        "Exit codes: 0 promote, 10 hold, 20 rollback, 2 usage, 4 the source failed."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _leaving(command: Callable[P, int]) -> Callable[P, NoReturn]:
    """The command, which leaves with the exit code it gives."""

    @wraps(command)
    def leave(*args: P.args, **kwargs: P.kwargs) -> NoReturn:
        try:
            code = command(*args, **kwargs)
        except KeyboardInterrupt:
            typer.echo("canarystats: interrupted", err=True)
            code = INTERRUPTED
        raise typer.Exit(code)

    return leave


app.command("judge")(_leaving(judge.judge))
app.command("plan")(_leaving(plan.plan))
for window in validations.WINDOWS:
    told = f"The checks of {window}."
    validations.app.command(window, short_help=told)(_leaving(validate.validate))
validations.app.command("back-to-baseline", short_help="Whether a rollback brought things back.")(
    _leaving(back_to_baseline.back_to_baseline)
)
app.add_typer(validations.app, name="validate")
app.command("watch")(_leaving(watch.watch))
app.command("explain")(_leaving(explain.explain))
app.command("diff")(_leaving(explain.diff))
app.command("joint")(_leaving(joint.joint))
app.command("demo")(_leaving(demo.demo))
app.add_typer(policy.app, name="policy")


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"canarystats {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version.",
            callback=lambda value: _version(asked=value),
            is_eager=True,
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and leave with the decision's exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and give its exit code."""
    try:
        app(arguments, prog_name="canarystats")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else USAGE
    except SourceError as error:
        unwritable = error.kind is SourceErrorKind.UNWRITABLE
        start = "" if unwritable else f"the source failed ({error.kind}): "
        typer.echo(f"canarystats: {start}{error}", err=True)
        return SOURCE_FAILED
    except CanaryStatsError as error:
        typer.echo(f"canarystats: {error}", err=True)
        return USAGE
    return 0

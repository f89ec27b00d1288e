"""``canarystats validate``: a command for every window of checks, and one for a rollback."""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from canarystats.errors import InputError
from canarystats.validate import DURATIONS

HELP = """Validate the time after a rollout, or after a rollback.

Exit codes: 0 every check met, 10 something undecided or without data, 20 something missed, 2
usage, 4 the source failed.
"""
WINDOWS = tuple(DURATIONS)


class ByWindow(TyperGroup):
    """Commands by window; windows that only a file of checks knows are read like the first."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command, with the name that was typed for it."""
        if not args or args[0] in self.commands:
            return super().resolve_command(ctx, args)
        if args[0].startswith("-"):
            _refuse_options_first(args[0])
        return args[0], self.commands[WINDOWS[0]], args[1:]


app = typer.Typer(
    cls=ByWindow,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"ignore_unknown_options": True},
)


def _refuse_options_first(option: str) -> NoReturn:
    msg = f"{option} comes before what is validated; write canarystats validate week-1 {option} ..."
    raise InputError(msg)

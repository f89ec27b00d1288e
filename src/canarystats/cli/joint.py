"""``canarystats joint``: several systems at once, from a saved verdict of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from canarystats.cli import options
from canarystats.cli.output import read_text, read_verdict
from canarystats.errors import InputError
from canarystats.joint import JointVerdict, judge_systems
from canarystats.presets import load_joint_policy

if TYPE_CHECKING:
    from canarystats.verdict import Verdict


def joint(
    policy: Annotated[
        str, typer.Argument(metavar="POLICY", help="A joint preset's name or a policy file.")
    ],
    verdicts: Annotated[
        list[str], typer.Argument(metavar="SYSTEM=FILE...", help="The saved verdict of a system.")
    ],
    previous: Annotated[
        str | None,
        typer.Option("--previous", metavar="FILE", help="The joint verdict before, as JSON."),
    ] = None,
    format: options.Output = options.Format.TEXT,  # noqa: A002
) -> int:
    """Decide on several systems at once, from the latest verdict of each.

    Give the joint verdict before with `--previous`: what it rolled back stays so. The exit code is
    20 if any system is rolled back, 0 if all are promoted, else 10.
    """
    found: dict[str, Verdict] = {}
    for item in verdicts:
        name, equals, file = item.partition("=")
        if not (name and equals and file):
            msg = f"{item!r} is not SYSTEM=FILE"
            raise InputError(msg)
        if name in found:
            msg = f"system {name!r} is given twice"
            raise InputError(msg)
        found[name] = read_verdict(file)
    before = None if previous is None else JointVerdict.from_json(read_text(previous))
    decided = judge_systems(load_joint_policy(policy), found, previous=before)
    how = decided.to_json() if format is options.Format.JSON else str(decided)
    typer.echo(how)
    return options.EXIT_CODES[decided.decision]

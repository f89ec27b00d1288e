"""What README and docs show is run, and what they show as output is what comes out."""

from __future__ import annotations

import contextlib
import doctest
import io
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib

import pytest

from canarystats import load_policy
from canarystats.durations import format_duration
from canarystats.metric import Arms, Metric, Query, Target
from canarystats.policy import ErrorBudget, Policy
from canarystats.rules import KINDS_READ, OWN_RULES, RULES, Absolute, Trigger
from canarystats.stage import Bake, Stage
from canarystats.suppression import Suppression
from tests.docs.documents import DOCUMENTS, ROOT, blocks, blocks_of, table_rows

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUNS = {
    "canarystats": [sys.executable, "-m", "canarystats"],
    "make": ["make", "--no-print-directory"],
}
LONGEST_COMMAND_SECONDS = 120


def _same(shown, got):
    if doctest.OutputChecker().check_output(shown.strip() + "\n", got.strip() + "\n", FLAGS):
        return
    pytest.fail(f"shown:\n{shown.strip()}\n\ngot:\n{got.strip()}", pytrace=False)


def _place(found):
    return found.place


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_blocks_run_in_order_and_print_what_is_shown(document, monkeypatch):
    monkeypatch.chdir(ROOT)
    found, names = blocks_of(document), {"__name__": "example"}
    for block, following in itertools.zip_longest(found, found[1:]):
        if block.language != "python":
            continue
        if ">>>" in block.text:
            _doctest(block, names)
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * (block.line - 1) + block.text, block.place, "exec"), names)
        if following is not None and following.language == "text" and printed.getvalue():
            _same(following.text, printed.getvalue())


def _doctest(block, names):
    example = doctest.DocTestParser().get_doctest(
        block.text, names, block.place, str(block.document), block.line - 1
    )
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    failed = runner.run(example, out=said.write, clear_globs=False).failed
    names.update(example.globs)
    assert not failed, said.getvalue()


@pytest.mark.parametrize("block", blocks("console"), ids=_place)
def test_console_blocks_print_what_is_shown(block):
    code = 0
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
        if command == "echo $?":
            got = str(code)
        else:
            code, got = _run(command.split())
        _same(shown, got)


def _run(words):
    assert words[0] in RUNS, f"{words[0]} is not run here; use a sh block for what is not"
    done = subprocess.run(
        RUNS[words[0]] + words[1:],
        cwd=ROOT,
        env=_bare_environment() | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_COMMAND_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def _bare_environment():
    """The environment without what a make that runs these tests says to the makes below it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}


@pytest.mark.parametrize("block", blocks("sh"), ids=_place)
def test_shell_blocks_use_commands_and_options_that_exist(block):
    joined = block.text.replace("\\\n", " ")
    for line in re.findall(r"^canarystats (.*)", joined, re.MULTILINE):
        command, *rest = line.split()
        _, known = _run(["canarystats", command, "--help"])
        if "COMMAND [ARGS]" in known:
            command = f"{command} {rest[0]}"
            _, known = _run(["canarystats", *command.split(), "--help"])
        for option in re.findall(r"(?<!\S)(--[a-z-]+)", line):
            assert option in known, f"canarystats {command} has no {option}"
    made = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", joined):
        assert f"\n{target}:" in made, f"there is nothing to make named {target}"


POLICIES = [block for block in blocks("yaml") if block.text.startswith("# policy")]


@pytest.mark.parametrize("block", POLICIES, ids=_place)
def test_policy_blocks_load(block, tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(block.text, "utf-8")
    assert load_policy(file).metrics


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_table_of_triggers_is_the_one_in_the_code():
    rows = table_rows(ROOT / "docs" / "triggers.md", "## The rules")
    assert rows == [_rule_row(Trigger.model_validate({"name": name})) for name in RULES]


def _rule_row(trigger):
    hold = format_duration(trigger.for_) if trigger.for_ else "none"
    warn = ", ".join(f"{tier:g}" for tier in trigger.warn) or "none"
    return [
        f"`{trigger.name}`",
        f"`{trigger.metric}`",
        f"{trigger.threshold:g}",
        hold,
        format_duration(trigger.window),
        trigger.mode,
        trigger.evidence,
        warn,
        trigger.action,
    ]


def test_the_table_of_other_rules_is_the_one_in_the_code():
    rows = table_rows(ROOT / "docs" / "triggers.md", "## Rules of your own")
    assert [[*row[:2], *row[3:]] for row in rows] == [_own_rule_row(rule) for rule in OWN_RULES]


def _own_rule_row(rule):
    given = {"name": "own", "rule": rule, "metric": "m", "threshold": 1, "quantile": None}
    given["quantile"] = 0.5 if rule == "quantile_above" else None
    trigger = Trigger.model_validate(given)
    return [
        f"`{rule}`",
        *KINDS_READ[rule],
        format_duration(trigger.for_) if trigger.for_ else "none",
        format_duration(trigger.window),
        trigger.evidence,
    ]


def test_the_map_of_layers_names_them_all_from_the_top():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    rows = table_rows(ROOT / "CONTRIBUTING.md", "## The layers, in one minute")
    shown = [name for row in rows for name in re.findall(r"`(\w+)`", row[0])]
    rank = {name: i for i, layer in enumerate(layers) for name in layer.split(" | ")}
    assert set(shown) == set(rank) - {"__main__"}
    assert [rank[name] for name in shown] == sorted(rank[name] for name in shown)


SECTIONS = {
    "## The policy": Policy,
    "## Metrics": Metric,
    "## Targets": Target,
    "## Queries": Query,
    "## Triggers": Trigger,
    "## Suppressions": Suppression,
    "## The absolute condition": Absolute,
    "## Stages": Stage,
    "## Bake windows": Bake,
    "## Error budget": ErrorBudget,
    "## Arms": Arms,
}


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_tables_of_policies_name_every_field_with_its_default(heading):
    rows = table_rows(ROOT / "docs" / "policies.md", heading)
    shown = {row[0].strip("`"): row[2].strip("`") for row in rows}
    model = SECTIONS[heading]
    assert shown == {field.alias or name: _default(model, name) for name, field in _fields(model)}


def _fields(model):
    return model.model_fields.items()


def _default(model, name):
    field = model.model_fields[name]
    if model is Trigger and name == "rule":
        return "the name"
    if model is Trigger and name in BY_RULE:
        return "by rule"
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return field.default_factory() or "empty"
    if isinstance(field.default, (Query, ErrorBudget, Arms)):
        return "see below"
    if name in DURATIONS and field.default is not None:
        return format_duration(field.default)
    if isinstance(field.default, str | tuple):
        return field.default or "empty"
    return json.dumps(field.default)


BY_RULE = {"metric", "threshold", "for_", "window", "evidence", "absolute", "warn"}
DURATIONS = {"interval", "warm_up", "settle_within", "shared_incident", "min_duration", "for_"}

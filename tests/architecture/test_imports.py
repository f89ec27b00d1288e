"""The walls of the house: what loads when, what is documented, how long a file may be."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import canarystats as cs

PACKAGE = Path(cs.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
HEAVY = (
    "jinja2",
    "matplotlib",
    "pandas",
    "pyarrow",
    "rich",
    "ruptures",
    "scipy.stats",
    "statsmodels",
    "typer",
    "yaml",
)
LOADED = f"""
import json, sys
{{}}
print(json.dumps(sorted(m for m in {HEAVY!r} if m in sys.modules)))
"""
JUDGING = """
import canarystats as cs
policy = cs.Policy.parse({"metrics": [{"name": "requests", "kind": "counts"},
                                      {"name": "queue", "kind": "gauge"}],
                          "triggers": [{"name": "error_rate"}]})
pairs = [cs.Pair.counts("requests", canary=([1], [9]), baseline=([1], [9]), times=[0.0]),
         cs.Pair.gauge("queue", canary=[1.0], baseline=[1.0], times=[0.0])]
monitor = cs.Monitor(policy, share=0.5)
verdict = monitor.observe(pairs)
cs.Verdict.from_json(verdict.to_json())
cs.Monitor.from_json(monitor.to_json(), policy)
"""


def loaded_by(code):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(code)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_importing_the_library_loads_no_heavy_package():
    assert loaded_by("import canarystats") == []


def test_judging_and_saving_load_no_heavy_package():
    assert loaded_by(JUDGING) == []


def test_the_list_of_heavy_packages_is_noticed_when_loaded():
    assert loaded_by("import yaml, scipy.stats") == ["scipy.stats", "yaml"]


def test_every_module_can_be_imported():
    for module in pkgutil.walk_packages([str(PACKAGE)], "canarystats."):
        if module.name != "canarystats.__main__":
            importlib.import_module(module.name)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_file_is_long(path):
    assert len(path.read_text("utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_everything_public_is_documented_in_a_sentence(path):
    tree = ast.parse(path.read_text("utf-8"))
    missing = [name for name, docstring in public(tree) if not is_sentence(docstring)]
    assert missing == []


def public(tree, prefix=""):
    """Names and docstrings of a module's or class's public parts, and of itself."""
    if not prefix:
        yield "module", ast.get_docstring(tree)
    for node in tree.body:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        if not isinstance(node, kinds) or node.name.startswith("_") or is_stub(node):
            continue
        yield prefix + node.name, ast.get_docstring(node)
        if isinstance(node, ast.ClassDef):
            yield from public(node, f"{prefix}{node.name}.")


def is_stub(node):
    """Whether the body is an ellipsis alone, as in a protocol."""
    (first, *rest) = node.body
    return (
        not rest
        and isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and (first.value.value is Ellipsis)
    )


def is_sentence(docstring):
    """Whether the first line is one sentence."""
    return bool(docstring) and docstring.splitlines()[0].endswith(".")


def test_the_check_of_docstrings_notices_what_is_missing():
    tree = ast.parse('"""A."""\ndef f():\n    """No stop"""\nclass C:\n    def g(self): pass')
    assert [name for name, text in public(tree) if not is_sentence(text)] == ["f", "C", "C.g"]

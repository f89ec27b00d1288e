"""The environments of other packages, which cannot be installed beside each other.

One has numpy 1, one numpy 2, and one is Python 3.10, found on the path or named by the environment
variable ``PYTHON310``. They stand in ``build/agreement`` and are used by nothing else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1] / "build" / "agreement"
PACKAGES = {
    "numpy1": ("ssrm-test", "signal-processing-algorithms"),
    "numpy2": ("savvi", "seqabpy", "ville"),
    "python310": ("confseq",),
}


def python_of(environment):
    """The interpreter of an environment."""
    return ROOT / environment / "bin" / "python"


def interpreter(environment):
    """The Python an environment is made with, or None where there is none."""
    if environment != "python310":
        return sys.executable
    found = os.environ.get("PYTHON310") or shutil.which("python3.10")
    if found is None:
        return None
    works = subprocess.run([found, "-c", ""], capture_output=True, check=False)
    return found if works.returncode == 0 else None


def build(environment):
    """Make an environment, unless it is there; gives an empty text or why it could not be made."""
    if missing(environment) == "":
        return ""
    maker = interpreter(environment)
    if maker is None:
        return "there is no Python 3.10 on this machine"
    subprocess.run([maker, "-m", "venv", "--clear", str(ROOT / environment)], check=True)
    wanted = HERE / "requirements" / f"{environment}.txt"
    pip = [str(python_of(environment)), "-m", "pip", "install", "-qq", "--only-binary", "confseq"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "-r", str(wanted)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    (ROOT / environment / "complete").touch()
    return ""


def missing(environment):
    """Why an environment cannot answer; empty if it can."""
    if not (ROOT / environment / "complete").exists():
        return f"no environment {environment}; run python -m benchmarks.agreement.run"
    return ""


def ask(environment, question, inputs):
    """The answer of a package to one of the questions of `peers`."""
    done = subprocess.run(
        [str(python_of(environment)), str(HERE / "peers.py"), question],
        input=json.dumps(inputs),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])

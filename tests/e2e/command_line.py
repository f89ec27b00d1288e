"""The command line: in a process of its own, or in this one where only its words matter."""

import contextlib
import io
import subprocess
import sys

from canarystats import cli


def run(*arguments, cwd=None, seconds=60):
    """Run `python -m canarystats` and give what it said and left with."""
    return subprocess.run(
        [sys.executable, "-m", "canarystats", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        cwd=cwd,
    )


def call(*arguments, cwd=None):
    """The same without a new process; what would be a traceback is raised here."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd or "."),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = cli.run([str(a) for a in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def refuses(done, code, *names):
    """Whether a command ended with this code, on a message that names these things and no more."""
    assert done.returncode == code, f"exit code {done.returncode}: {done.stdout}{done.stderr}"
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().count("\n") <= 4, done.stderr
    for name in names:
        assert name in done.stderr, done.stderr
    return True

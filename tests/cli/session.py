"""Several runs of the command in one interpreter: ``python -m tests.cli.session '[["setup", "a.yaml"], …]'``.

A profile belongs to one interpreter, and that of the tests has pytest's profile loaded; importing AiiDA takes longer
than most commands do.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cli.support import Outcome
from tests.environment.helpers import ROOT, environment


def run_session(configuration: Path, *commands: Sequence[object], **variables: str) -> list[Outcome]:
    """Return what each command said, run one after the other with an AiiDA configuration of their own."""
    words = json.dumps([[str(word) for word in command] for command in commands])
    result = subprocess.run(
        [sys.executable, "-m", "tests.cli.session", words],
        cwd=ROOT, env={**environment(), "AIIDA_PATH": str(configuration), **variables},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=480,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return [Outcome(**said) for said in json.loads(result.stdout.splitlines()[-1])]


def _main() -> None:
    from aiida_concerted.cli.main import cli, run_reporting_errors

    outcomes = []
    for words in json.loads(sys.argv[1]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run_reporting_errors(
                lambda words=words: cli.main(args=words, prog_name="aiida-concerted", standalone_mode=False)
            )
        outcomes.append({"status": status, "out": out.getvalue(), "err": err.getvalue()})
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    _main()

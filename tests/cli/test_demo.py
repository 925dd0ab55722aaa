"""The demonstration from the outside: interrupted, killed, run again, restarted; with a study of sleeping jobs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from tests.environment.helpers import ROOT, end_all, environment, processes_of
from tests.environment.test_daemon import wait_for_jobs


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "a demo"
    yield path
    end_all(path)


def begin(folder, *arguments):
    command = [sys.executable, "-m", "tests.cli.standin_demo", str(folder), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def demonstrate(folder, *arguments):
    process = begin(folder, *arguments)
    output, errors = process.communicate(timeout=480)
    return process.returncode, output, errors


def study_of(folder):
    return json.loads((folder / "study.json").read_text())["uuid"]


def test_interrupted_and_killed_it_goes_on_to_the_end_and_says_so_ever_after(folder):
    process = begin(folder, 2, 30)  # long enough to outlast the start of a second command on a busy machine
    wait_for_jobs(folder, 2)
    status, _, errors = demonstrate(folder, 2, 3)
    assert status == 1
    assert f"another command (process {process.pid}) is at work" in errors
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert errors.startswith("Interrupted. 'aiida-concerted demo --folder ")
    assert len(errors.splitlines()) == 1
    daemon = [one for one in processes_of(folder) if "verdi" in " ".join(one.cmdline())]
    assert daemon == []

    uuid = study_of(folder)
    process = begin(folder, 2, 3)
    time.sleep(4)
    process.kill()
    process.communicate()
    (folder / "study.json").unlink()  # as lost in a power cut

    status, output, errors = demonstrate(folder, 2, 3)
    assert (status, errors) == (0, "")
    assert study_of(folder) == uuid
    assert "total 6" in output
    for product in ("report.html", "lgps-demo.aiida", "provenance.svg"):
        assert str(folder / product) in output
        assert (folder / product).stat().st_size > 0
    assert not [one for one in processes_of(folder) if one.status() != psutil.STATUS_ZOMBIE]
    check_verdi_line(output)

    status, output, errors = demonstrate(folder, 2, 3)
    assert (status, errors) == (0, "")
    assert "has ended before" in output
    assert str(folder / "report.html") in output
    status, _, errors = demonstrate(folder, 2, 3, "other-seed")
    assert status == 1
    assert "holds a study with seed 1, not 3" in errors


def check_verdi_line(output):
    """Run the printed line in a shell, as a reader would paste it."""
    line = next(line for line in output.splitlines() if line.startswith("Processes:")).split(maxsplit=1)[1]
    kept = {name: value for name, value in os.environ.items() if name not in ("AIIDA_PATH", "PYTHONPATH")}
    shell = shutil.which("bash")
    listed = subprocess.run([shell, "-c", line], env=kept, capture_output=True, text=True, check=False, timeout=180)
    assert listed.returncode == 0, listed.stderr
    assert "SleepStudy" in listed.stdout
    assert "Finished [0]" in listed.stdout
    assert "Excepted" not in listed.stdout
    assert listed.stdout.count("ArithmeticAddCalculation") == 4  # none was repeated


def test_a_failed_study_says_where_and_restart_begins_anew(folder):
    status, output, errors = demonstrate(folder, 1, 0, "fail")
    assert status == 1
    assert len(errors.splitlines()) == 1
    for part in ("the study failed at", "exit status 401, The second step failed", "process report", "--restart"):
        assert part in errors
    assert "Traceback" not in output
    uuid = study_of(folder)
    note = folder / "my notes.txt"
    note.write_text("keep me")
    status, output, errors = demonstrate(folder, 1, 0, "restart")
    assert (status, errors) == (0, "")
    assert study_of(folder) != uuid
    assert note.read_text() == "keep me"

"""A computer behind SSH and a daemon that runs: looked at as they are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aiida_concerted.environment.setup.schema import SCHEMA
from tests.cli.session import run_session
from tests.cli.test_setup import findings
from tests.conftest import executable
from tests.environment.helpers import ROOT, end_all, environment

pytestmark = pytest.mark.slow


@pytest.fixture
def ssh_home(tmp_path):
    """Return a home folder whose ``cluster`` is a server on this machine."""
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "tests.environment.ssh_server", str(home)]
    with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        yield home
        server.kill()


def test_codes_are_started_over_ssh_with_the_lines_before_a_job(ssh_home, tmp_path):
    binaries = Path(executable("dp")).parent
    content = {
        "schema": SCHEMA,
        "profile": {"name": "far", "broker": "zeromq"},
        "computers": {
            "cluster": {
                "transport": "ssh", "hostname": "login.cluster.example", "ssh": {"host": "cluster"},
                "scheduler": "direct", "work_dir": str(tmp_path / "{username}" / "runs"), "safe_interval_s": 1,
            },
        },
        "codes": {
            "dp@cluster": {"program": "dp", "executable": "dp", "prepend_text": f"export PATH={binaries}:$PATH"},
            "lmp@cluster": {"program": "lmp", "executable": executable("lmp")},
            "vasp@cluster": {"program": "vasp", "executable": "/apps/vasp/bin/vasp_std"},
        },
    }  # fmt: skip
    path = tmp_path / "far.yaml"
    path.write_text(yaml.safe_dump(content))
    made, again = run_session(tmp_path, ("setup", path), ("setup", path, "--no-check"), HOME=str(ssh_home))
    found = findings(made)
    assert made.status == 1
    assert found["computer cluster"] == ("ok", "login.cluster.example is reached by core.ssh_async")
    assert found["scheduler of cluster"][0] == "ok"
    assert "DeePMD-kit" in found["code dp@cluster"][1]
    assert "knows pair_style deepmd" in found["code lmp@cluster"][1]
    assert found["code vasp@cluster"][0] == "FAIL"
    assert "/apps/vasp/bin/vasp_std is not there" in found["code vasp@cluster"][1]
    assert again.out.count("agrees") == 5


def test_a_daemon_that_runs_is_well_and_one_without_workers_is_not(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({"schema": SCHEMA, "profile": {"name": "own", "broker": "zeromq"}}))
    verdi = [executable("verdi"), "-p", "own", "daemon"]
    search_path = os.pathsep.join([str(Path(verdi[0]).parent), os.environ["PATH"]])
    variables = {**os.environ, "AIIDA_PATH": str(tmp_path), "PATH": search_path}
    try:
        run_session(tmp_path, ("setup", path))
        subprocess.run([*verdi, "start", "1"], env=variables, check=True, capture_output=True)
        well = run_session(tmp_path, ("doctor", "-p", "own"))[0]
        subprocess.run([*verdi, "decr", "1"], env=variables, check=True, capture_output=True)
        idle = run_session(tmp_path, ("doctor", "-p", "own"))[0]
    finally:
        subprocess.run([*verdi, "stop"], env=variables, check=False, capture_output=True)
        end_all(tmp_path)
    assert findings(well)["broker"] == ("ok", "core.zeromq answers")
    assert findings(well)["daemon"] == ("ok", "running, 1 worker")
    assert findings(idle)["daemon"] == ("FAIL", "has no workers: verdi -p own daemon incr 1")
    assert "make them by 'aiida-concerted setup CONFIG.yaml'" in findings(idle)["codes"][1]

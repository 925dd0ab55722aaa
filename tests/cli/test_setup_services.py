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
from tests.cli.support import assert_one_line
from tests.cli.test_setup import findings
from tests.conftest import executable
from tests.environment.helpers import ROOT, end_all, environment
from tests.postgres import find_server, running_server

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


KILLED = """
import os, sys
from aiida.manage.configuration.config import Config
Config.add_profile = lambda self, profile: os._exit(9)  # the storage is there, the configuration does not know it
from aiida_concerted.cli.main import main
main(["setup", sys.argv[1]])
"""


def test_a_setup_killed_in_the_middle_goes_on_and_spares_what_it_did_not_make(tmp_path):
    path, data = tmp_path / "own.yaml", tmp_path / "data"
    path.write_text(yaml.safe_dump({"schema": SCHEMA, "profile": {"name": "own", "folder": str(data)}}))
    variables = {**environment(), "AIIDA_PATH": str(tmp_path)}
    killed = subprocess.run([sys.executable, "-c", KILLED, path], env=variables, capture_output=True, check=False)
    assert killed.returncode == 9
    assert (data / "database.sqlite").is_file()
    (data / "mine.txt").write_text("keep me")
    refused = run_session(tmp_path, ("setup", path))[0]
    assert_one_line(refused, 1, f"profile.folder: {data} is not empty: name a new folder")
    assert (data / "mine.txt").read_text() == "keep me"
    (data / "mine.txt").unlink()
    other = tmp_path / "other.yaml"
    other.write_text(path.read_text().replace("own", "other"))
    made, clash = run_session(tmp_path, ("setup", path, "--no-check"), ("setup", other))
    assert made.status == 0, made.err
    assert_one_line(clash, 1, "is not empty: name a new folder")


@pytest.mark.skipif(find_server() is None, reason="no PostgreSQL server is installed, nor the wheel of the extra tests")
def test_a_database_server_is_used_and_its_password_is_nowhere(tmp_path):
    path, other = tmp_path / "pg.yaml", tmp_path / "elsewhere"
    other.mkdir()
    with running_server(find_server()) as there:
        connection = {key: there[f"database_{name}"] for key, name in
                      (("host", "hostname"), ("port", "port"), ("database", "name"), ("user", "username"))}  # fmt: skip
        profile = {"name": "pg", "storage": "postgresql", "postgresql": {**connection, "password_variable": "THE_WORD"}}
        path.write_text(yaml.safe_dump({"schema": SCHEMA, "profile": profile}))
        secret = there["database_password"]
        wrong = run_session(tmp_path, ("setup", path, "--dry-run"), ("setup", path), THE_WORD="not-the-word")
        (unasked,) = run_session(tmp_path, ("setup", path))
        dry, made, again, seen = run_session(
            tmp_path, ("setup", path, "--dry-run"), ("setup", path), ("setup", path), ("doctor", "-p", "pg"),
            THE_WORD=secret,
        )  # fmt: skip
        (taken,) = run_session(other, ("setup", path), THE_WORD=secret)
    (gone,) = run_session(tmp_path, ("doctor", "-p", "pg"))
    for refused in wrong:
        assert_one_line(refused, 1, "password authentication failed")
        assert "not-the-word" not in refused.err
    assert_one_line(unasked, 1, "is missing: set the environment variable THE_WORD")
    assert (dry.status, made.status, again.status) == (0, 0, 0), made
    assert "profile pg: agrees (core.psql_dos" in again.out
    assert findings(seen)["profile"][0] == "ok"
    assert "database" not in findings(seen)
    assert_one_line(taken, 1, "holds the data of an AiiDA profile: give an empty one")
    assert findings(gone)["profile"][0] == "FAIL"
    assert "the database of profile 'pg' cannot be reached: start the server" in gone.out
    for outcome in (dry, made, again, seen, taken, gone):
        assert secret not in outcome.out + outcome.err
    holding = {file.name for file in tmp_path.rglob("*") if file.is_file() and secret.encode() in file.read_bytes()}
    assert {name.split(".json")[0] for name in holding} == {"config"}  # where AiiDA keeps it


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
        noted = next((tmp_path / ".aiida" / "daemon").glob("*env-info.json"))
        noted.write_text(noted.read_text().replace('"version": "2.', '"version": "1.'))
        old = run_session(tmp_path, ("doctor", "-p", "own"))[0]
        subprocess.run([*verdi, "decr", "1"], env=variables, check=True, capture_output=True)
        idle = run_session(tmp_path, ("doctor", "-p", "own"))[0]
    finally:
        subprocess.run([*verdi, "stop"], env=variables, check=False, capture_output=True)
        end_all(tmp_path)
    assert findings(well)["broker"] == ("ok", "core.zeromq answers")
    assert findings(well)["daemon"] == ("ok", "running, 1 worker")
    assert findings(old)["daemon"][0] == "FAIL"
    assert "runs packages as they were when it began (Changed packages: aiida-core (1." in old.out
    assert findings(idle)["daemon"] == ("FAIL", "has no workers: verdi -p own daemon incr 1")
    assert "make them by 'aiida-concerted setup CONFIG.yaml'" in findings(idle)["codes"][1]

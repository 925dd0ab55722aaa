"""A part that ended goes on with what finished there: here, and in another profile that holds its archive."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml
from aiida import orm
from plumpy.process_states import ProcessState

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.plan import graph_of_nodes
from aiida_concerted.cli import run as command
from aiida_concerted.cli import status
from aiida_concerted.cli.continuing import describe_finished
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.environment.abandon import abandon
from aiida_concerted.environment.graph import collect_boxes
from aiida_concerted.environment.processes import read_process_tree
from aiida_concerted.queries import query
from aiida_concerted.queries.calls import calls_of, continued_by, taken_over, walk
from aiida_concerted.report.gather_processes import Processes
from aiida_concerted.workflows.studyfile import SCHEMA
from tests.cli.support import assert_one_line, run_here
from tests.cli.test_main import run
from tests.report.synthetic_study import lattice_gas_run

FUNCTIONS_OF_A_RUN = ("analysis_run_T600", "diffusivity_run_T600", "sites_run_T600")

SECOND_PROFILE = """
import sys
from aiida import load_profile
from aiida.manage.configuration import create_profile, get_config
archive, storage = sys.argv[1:]
create_profile(get_config(create=True), name="second", email="b@c.d", storage_backend="core.sqlite_dos",
               storage_config={"filepath": storage}, broker_backend=None, broker_config={})
load_profile("second")
from aiida.tools.archive import import_archive
import_archive(archive)
"""

QUESTIONS = """
import json
from aiida import load_profile, orm
load_profile("second")
from aiida_concerted.queries import query
from aiida_concerted.queries.calls import reused_by
from aiida_concerted.cli.run import _runner
node = orm.QueryBuilder().append(orm.WorkChainNode, filters={"label": "both"}).one()[0]
print(json.dumps({"reused": sorted(label for label, _ in reused_by(node)), "called": len(node.called),
                  "poll_s": _runner()._poll_interval,
                  "temperatures_K": [row["temperature_K"] for row in query("diffusivities", study=node.pk)]}))
"""


@pytest.fixture(scope="module")
def runs(aiida_profile):
    """Return two runs of a lattice gas in the sites of LGPS."""
    sites = SiteNetworkData.from_site_model("lgps")
    return [lattice_gas_run(sites, T, 100, "test").store() for T in (600.0, 700.0)]


@pytest.fixture
def write_study(tmp_path, monkeypatch, runs):
    """Return a function that writes the study file of the analysis of some runs."""
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)

    def make(name, number):
        analyse = {"trajectories": [run.uuid for run in runs[:number]], "window_ps": 0.5, "recrossing_ps": 0.1}
        content = {"schema": SCHEMA, "material": "lgps", "protocol": "fast", "analyse": analyse}
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return make


def newest(label):
    return orm.QueryBuilder().append(orm.WorkChainNode, filters={"label": label}).all(flat=True)[-1]


@pytest.fixture
def first(write_study, capsys):
    """Return the analysis of one run, and the words with which it is run."""
    words = ("run", write_study("one", 1), "--only", "analyse")
    outcome = run_here(capsys, *words)
    assert outcome.status == 0, outcome.err
    return newest("one"), words


def test_what_finished_is_used_and_counted_everywhere(first, write_study, capsys, monkeypatch):
    node, words = first
    assert_one_line(run_here(capsys, *words, "--continue", node.pk), 1, "is done and its inputs are the same")
    assert_one_line(run_here(capsys, "run", "--continue", node.uuid), 1, "is done and its inputs are the same")
    both = ("run", write_study("both", 2), "--only", "analyse", "--continue", node.uuid)
    outcome = run_here(capsys, *both, "--dry-run")
    assert outcome.status == 0, outcome.err
    remark, *_ = outcome.out.splitlines()
    assert remark == f"# {describe_finished(node)}"
    assert remark.endswith("finished there: 3 functions; used where the inputs are the same")
    assert yaml.safe_load(outcome.out)["AnalyseWorkChain"]["continues"] == node.uuid
    outcome = run_here(capsys, *both)
    assert outcome.status == 0, outcome.err
    later = newest("both")
    of_both = [label for label, _ in calls_of(later)]
    assert tuple(sorted(of_both[:3])) == FUNCTIONS_OF_A_RUN
    assert len(of_both) == 8
    assert len(later.called) == 5
    assert continued_by(node).uuid == later.uuid
    for study in (node, later, later.uuid[:13]):
        key = study if isinstance(study, str) else study.pk
        assert [row["temperature_K"] for row in query("diffusivities", study=key)] == [600.0, 700.0]
    monkeypatch.setattr(status, "open_profile", lambda folder, profile: None)
    assert f"It goes on in AnalyseWorkChain <{later.pk}>" in run_here(capsys, "status", node.pk).out
    tree = read_process_tree(later.uuid)
    assert [child.link_label for child in tree.children] == of_both
    assert len(Processes.of(later).all) == 8
    assert {child.uuid for _, child in calls_of(later)} <= set(collect_boxes(later))
    assert {process.uuid for process in taken_over([later])} == {
        node.uuid,
        *(child.uuid for _, child in calls_of(node)),
    }
    archived = graph_of_nodes([later], with_callers=False)
    assert {process.pk for process in [*walk(later), *walk(node)]} <= set(archived.nodes)


def test_an_imported_analysis_goes_on_in_another_profile(first, runs, write_study, tmp_path):
    node, _ = first
    archive = tmp_path / "first.aiida"
    create_clean_archive([node, runs[1]], archive)
    environment = {"AIIDA_PATH": str(tmp_path)}
    execute(SECOND_PROFILE, archive, tmp_path / "storage", **environment)
    words = ("run", write_study("both", 2), "--only", "analyse", "-p", "second")
    result = run(*words, "--continue", node.uuid, cwd=tmp_path, **environment)
    assert result.returncode == 0, result.stderr
    answer = json.loads(execute(QUESTIONS, **environment))
    assert answer["reused"] == list(FUNCTIONS_OF_A_RUN)
    assert answer["called"] == 5
    assert answer["poll_s"] == 1.0
    assert answer["temperatures_K"] == [600.0, 700.0]


def test_what_cannot_be_continued_is_one_line(write_study, first, runs, capsys):
    node, words = first
    _, function = calls_of(node)[0]
    running = orm.WorkChainNode()
    running.set_process_label("StudyWorkChain")
    running.set_process_state(ProcessState.WAITING)
    running.store()
    for name, said in (
        (running.pk, f"StudyWorkChain <{running.pk}> has not ended: follow it"),
        ("987654", "there is no node 987654 in this profile"),
        (runs[0].pk, "is a MolecularDynamicsData, not a process"),
        (function.pk, f"{function.process_label} <{function.pk}> is nothing that can be continued"),
    ):
        assert_one_line(run_here(capsys, *words, "--continue", name), 1, said)
        assert_one_line(run_here(capsys, "run", "--continue", name), 1, said)
    assert_one_line(run_here(capsys, "run", "--continue", node.pk, "--only", "analyse"), 2, "give the file")
    assert_one_line(run_here(capsys, *words, "--abandon"), 2, "--abandon needs --continue")
    assert abandon(read_process_tree(running.uuid)) == 1
    assert orm.load_node(running.pk).is_killed
    assert orm.load_node(running.pk).is_sealed


def execute(script, *arguments, **environment):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1] if done.stdout else ""

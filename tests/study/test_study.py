"""All nine steps on the real engines, with everything killed in the middle."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.environment.helpers import ROOT, end_all, environment, processes_of

QUESTIONS = """
import json, sys
from pathlib import Path
from aiida_concerted.environment.folder import DemoFolder
from aiida_concerted.environment.profile import load_profile
from aiida_concerted.environment.study import find_study
folder = DemoFolder.at(Path(sys.argv[1]))
load_profile(folder)
from aiida import orm
from aiida_concerted.data.results import RESULT_CLASSES
study = find_study(folder)
results = orm.QueryBuilder().append(list(RESULT_CLASSES), project=["*"]).all(flat=True)
structure = study.outputs.structure
descendants = set(orm.QueryBuilder().append(orm.StructureData, filters={"uuid": structure.uuid}, tag="origin")
                  .append(list(RESULT_CLASSES), with_ancestors="origin", project=["uuid"]).all(flat=True))
jobs = orm.QueryBuilder().append(orm.CalcJobNode, project=["attributes.process_state", "attributes.exit_status"]).all()
sites = study.inputs.sites
print(json.dumps({
    "exit_status": study.exit_status,
    "exit_message": study.exit_message,
    "outputs": sorted(study.base.links.get_outgoing().all_link_labels()),
    "results": {node.uuid: type(node).__name__ for node in results},
    "unconnected": [type(node).__name__ for node in results if node.uuid not in descendants],
    "levels": sorted({node["level_of_theory"] for node in results}),
    "studies": sorted({node.get("study_uuid") for node in results}),
    "uuid": study.uuid,
    "jobs": jobs,
    "ordered_from": structure.creator is not None,
    "tables": study.outputs.learn.table.get_dict(),
}, default=str))
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a study that was killed with its daemon and engines in the middle, then run to its end."""
    folder = tmp_path_factory.mktemp("deep and spaced") / "tiny demo"
    command = [sys.executable, "-m", "tests.study.tiny", str(folder)]
    options = {"cwd": ROOT, "env": environment(), "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    first = subprocess.Popen(command, **options)
    wait_for_training(folder, first)
    end_all(folder)
    first.communicate()
    done_before = finished_jobs(folder)
    second = subprocess.run(command, timeout=1500, check=False, **options)
    assert second.returncode == 0, second.stdout + second.stderr
    yield folder, done_before, second.stdout
    end_all(folder)


def wait_for_training(folder, process, timeout_s=600):
    """Wait until the first potential is being trained."""
    deadline = time.monotonic() + timeout_s
    while not list(folder.glob("work/*/*/*/lcurve.out")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no training began"
        time.sleep(0.2)


def ask(folder, script):
    answer = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(answer.stdout.splitlines()[-1])


def finished_jobs(folder):
    script = QUESTIONS[: QUESTIONS.index("study = ")] + (
        "jobs = orm.QueryBuilder().append(orm.CalcJobNode, "
        'filters={"attributes.exit_status": 0}, project=["uuid"]).all(flat=True)\nprint(json.dumps(jobs))\n'
    )
    return set(ask(folder, script))


@pytest.mark.slow
@pytest.mark.surrogate
@pytest.mark.deepmd
@pytest.mark.lammps
@pytest.mark.timeout(2400)
class TestStudy:
    def test_all_steps_end_well_and_every_result_reaches_the_structure(self, finished):
        folder, _, _ = finished
        answer = ask(folder, QUESTIONS)
        assert (answer["exit_status"], answer["exit_message"]) == (0, None)
        assert answer["unconnected"] == []
        assert answer["ordered_from"]
        kinds = set(answer["results"].values())
        assert kinds == {
            "DiffusivityData", "SiteStatisticsData", "ModeFrequenciesData", "ArrheniusData", "VacancyFormationData",
        }  # fmt: skip
        assert answer["studies"] == [answer["uuid"]]
        assert len(answer["levels"]) == 1
        assert answer["levels"][0].endswith("NOT DFT")

    def test_nothing_finished_before_the_kill_was_run_again(self, finished):
        folder, done_before, _ = finished
        assert len(done_before) >= 4  # relaxation and three first-principles runs
        script = QUESTIONS[: QUESTIONS.index("study = ")] + (
            "jobs = orm.QueryBuilder().append(orm.CalcJobNode, project=['uuid', 'attributes.exit_status', "
            "'attributes.process_label']).all()\nprint(json.dumps(jobs))\n"
        )
        jobs = ask(folder, script)
        assert done_before <= {uuid for uuid, _, _ in jobs}
        finished_vasp = [uuid for uuid, status, label in jobs if "Vasp" in label and status == 0]
        # relaxation, three AIMD, two turns of one label, perfect cell, four vacancies, bcc Li
        assert len(finished_vasp) == 1 + 3 + 2 + 6
        trainings = [uuid for uuid, status, label in jobs if "Train" in label and status == 0]
        assert len(trainings) == 2 * 2 + 2

    def test_the_table_of_turns_counts_every_frame(self, finished):
        folder, _, _ = finished
        turns = ask(folder, QUESTIONS)["tables"]["turns"]
        assert [turn["turn"] for turn in turns] == [1, 2, 3]
        for turn in turns[:2]:
            assert turn["labelled"] == 1
            for run in turn["runs"].values():
                assert run["accurate"] + run["candidate"] + run["failed"] == 4

    def test_report_archive_and_picture_are_there_and_marked(self, finished):
        folder, _, output = finished
        report = (folder / "report.html").read_text(encoding="utf-8")
        assert "not dft" in report.lower()
        assert "default-src 'none'" in report
        assert not re.search(r"(src|href)=[\"']https?://[^\"']*\.(js|css|png|svg)", report)
        assert "surrogate, demonstration scale" in " ".join(output.lower().split())
        assert "Traceback" not in output
        verdi = [str(Path(sys.executable).with_name("verdi")), "archive", "info", str(folder / "lgps-demo.aiida")]
        variables = {**environment(), "AIIDA_PATH": str(folder)}
        info = subprocess.run(verdi, env=variables, capture_output=True, text=True, check=False)
        assert info.returncode == 0, info.stderr
        assert not [process for process in processes_of(folder) if process.status() != "zombie"]

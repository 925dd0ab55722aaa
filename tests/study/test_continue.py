"""A study on the real engines: its terminal is killed, it goes on, and goes on again where its archive was imported."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import yaml

from tests.environment.helpers import ROOT, end_all
from tests.study.tiny import OVERRIDES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.deepmd,
    pytest.mark.lammps,
    pytest.mark.surrogate,
    pytest.mark.timeout(2400),
]

SETUP = {
    "schema": "aiida-concerted/setup/1",
    "profile": {"name": "one", "broker": "none"},
    "computers": {"here": {"transport": "local", "scheduler": "direct"}},
    "codes": {
        "dp@here": {"program": "dp", "executable": "dp"},
        "lmp@here": {"program": "lmp", "executable": "lmp"},
        "vasp@here": {"program": "vasp", "executable": "concerted-vasp-surrogate"},
    },
    "potcars": {"family": "placeholders", "placeholders": True},
}

QUESTIONS = """
import json, sys
from collections import Counter
from aiida import load_profile, orm
load_profile()
from aiida_concerted.data.results import RESULT_CLASSES
from aiida_concerted.queries.calls import origin_uuid, walk
study = max(orm.QueryBuilder().append(orm.WorkChainNode, filters={"attributes.process_label": "StudyWorkChain"})
            .all(flat=True), key=lambda node: node.pk)
def jobs(nodes):
    return Counter(node.process_label for node in nodes if isinstance(node, orm.CalcJobNode))
results = [link.node for link in study.base.links.get_outgoing().all() if isinstance(link.node, tuple(RESULT_CLASSES))]
print(json.dumps({
    "pk": study.pk, "uuid": study.uuid, "exit_status": study.exit_status, "origin": origin_uuid(study),
    "run_now": jobs(study.called_descendants), "all": jobs(walk(study)),
    "studies": sorted({node.base.attributes.get("study_uuid") for node in results}),
    "temperatures_K": sorted(node["temperature_K"] for node in results if "Diffusivity" in type(node).__name__),
    "dataset": study.outputs.learn.dataset.uuid if study.is_finished_ok else None,
}))
"""


class Place:
    """A folder with a configuration and a profile of its own."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.environment = {**os.environ, "AIIDA_PATH": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        (folder / "setup.yaml").write_text(yaml.safe_dump(SETUP))
        self.succeed("setup", "setup.yaml")

    def begin(self, *words):
        command = [sys.executable, "-m", "aiida_concerted", *map(str, words)]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def succeed(self, *words):
        process = self.begin(*words)
        out, errors = process.communicate(timeout=1800)
        assert process.returncode == 0, f"{words}\n{out}\n{errors}"
        return out

    def ask(self):
        command = [sys.executable, "-c", QUESTIONS]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def write_study(self, temperatures_K):
        parts = {name: OVERRIDES[name] for name in ("aimd", "learn")}
        content = {
            "schema": "aiida-concerted/study/1", "material": "LGPS", "protocol": "fast",
            "codes": {"dp": "dp@here", "lmp": "lmp@here", "vasp": "vasp@here"}, "potcars": {"family": "placeholders"},
            "study": {
                "aimd_temperatures_K": [600], "held_out_temperatures_K": [], "with_vacancy": False,
                "relax": OVERRIDES["relax"],
            },
            **parts, "sweep": {**OVERRIDES["sweep"], "temperatures_K": temperatures_K},
        }  # fmt: skip
        content["learn"] = {**content["learn"], "min_iterations": 2, "max_iterations": 2}
        (self.folder / "study.yaml").write_text(yaml.safe_dump(content))

    def wait_for_trainings(self, number, process):
        """Wait until this many trainings have begun."""
        while len(list(self.folder.rglob("lcurve.out"))) < number:
            assert process.poll() is None, process.communicate()
            time.sleep(0.2)


def test_a_study_goes_on_after_its_terminal_and_in_another_profile(tmp_path):
    try:
        one = Place(tmp_path / "one")
        one.write_study([50, 100])
        process = one.begin("run", "study.yaml")
        one.wait_for_trainings(3, process)  # one of the second turn
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        died = one.ask()
        refusal = one.begin("run", "study.yaml", "--continue", died["pk"])
        assert "has not ended" in refusal.communicate()[1]
        one.succeed("run", "--continue", died["pk"], "--abandon")
        went_on = one.ask()
        assert went_on["exit_status"] == 0
        assert went_on["origin"] == died["uuid"]
        assert went_on["studies"] == [died["uuid"]]
        assert went_on["run_now"]["DeepmdTrainCalculation"] == 4  # of the second turn and the final committee
        assert went_on["all"]["DeepmdTrainCalculation"] == 6
        assert went_on["run_now"]["VaspCalculation"] == 1  # the label of the second turn
        assert went_on["all"]["VaspCalculation"] == 3
        assert "VaspMdCalculation" not in went_on["run_now"]
        archived = tmp_path / "study.aiida"
        one.succeed("archive", "create", went_on["pk"], "-o", archived)
        one.succeed("archive", "verify", archived)
        assert "StudyWorkChain" in one.succeed("archive", "inspect", archived)

        two = Place(tmp_path / "two")
        subprocess.run(
            [sys.executable, "-m", "aiida", "archive", "import", str(archived)], env=two.environment, check=True
        )
        two.write_study([50, 100, 150])
        preview = two.succeed("run", "study.yaml", "--continue", went_on["uuid"], "--dry-run")
        assert re.match(r"# continues StudyWorkChain <\d+>; finished there: ", preview)
        two.succeed("run", "study.yaml", "--continue", went_on["uuid"])
        there = two.ask()
        assert there["exit_status"] == 0
        assert there["run_now"] == {"LammpsMdCalculation": 1}
        assert there["all"] == {**went_on["all"], "LammpsMdCalculation": went_on["all"]["LammpsMdCalculation"] + 1}
        assert there["temperatures_K"] == [50, 100, 150]
        assert there["studies"] == [died["uuid"]]
        assert there["dataset"] == went_on["dataset"]
        two.succeed("report", there["pk"], "-o", "report.html")
        assert (two.folder / "report.html").stat().st_size > 100_000
    finally:
        end_all(tmp_path)

"""A loop of learning in a profile of its own with a daemon, parts of which are killed at chosen moments."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml

from benchmarks import loop_ours
from benchmarks.engine_log import EngineRun, read_runs
from benchmarks.loop import end_all
from benchmarks.loop_case import NETS, LoopScale

KINDS = ("dp train", "lmp", "vasp")
"""The runs by which a stage of a turn is known: training, exploration, labelling."""

LEVELS = {"trust_lower_eV_A": 0.5, "trust_upper_eV_A": 1.2}
"""Such that some frames of small nets are accurate, some candidates and some given up."""

QUESTIONS = """
import hashlib, json, sys
from aiida import load_profile, orm
from aiida.common.links import LinkType
load_profile()
loop = orm.load_node(int(sys.argv[1]))
CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
CLOCK = ("training_wall_s", "steps_per_s", "restarted_from_step")
def timeless(value):
    if not isinstance(value, dict):
        return value
    return {key: timeless(item) for key, item in value.items() if key not in CLOCK}
def digest(structure):
    atoms = structure.get_ase()
    arrays = (atoms.get_positions(), atoms.cell.array, atoms.numbers)
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()
def turn(node):
    children = {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=CALLS).all()}
    labels = children["label"].outputs.results.get_dict()
    return {
        "statistics": node.outputs.statistics.get_dict(),
        "candidates": {name: digest(atoms) for name, atoms in children["explore"].outputs.candidates.items()},
        "labels": node.outputs.labels.content_hash,
        "labelled": [labels["names"], labels["failed"], labels["labelled"]],
        "dataset": node.outputs.dataset.content_hash,
        "metrics": {name: timeless(metrics.get_dict()) for name, metrics in node.outputs.committee.metrics.items()},
    }
turns = {link.link_label: link.node for link in loop.base.links.get_outgoing(link_type=CALLS).all()
         if link.link_label.startswith("iteration_")}
jobs = [node for node in loop.called_descendants if isinstance(node, orm.CalcJobNode)]
print(json.dumps({
    "exit_status": loop.exit_status,
    "turns": {label: turn(node) for label, node in sorted(turns.items())},
    "dataset": loop.outputs.dataset.content_hash,
    "stopped": loop.outputs.table.get_dict()["stopped"],
    "final": {name: timeless(metrics.get_dict()) for name, metrics in loop.outputs.metrics.items()},
    "curves": {name: curve.get_array("step").tolist() for name, curve in loop.outputs.learning_curves.items()},
    "jobs": [[node.process_label, node.exit_status, node.base.caching.compute_hash()] for node in jobs],
    "open": [node.pk for node in loop.called_descendants if not node.is_terminated],
}))
"""


class KilledLoop:
    """One loop, and the means to kill what runs it.

    :param folder: where profile, jobs and notes of the engines lie.
    :param first: folder of the first labels.
    """

    def __init__(self, folder: Path, first: Path, scale: LoopScale, final: dict) -> None:
        loop_ours.prepare(folder, first, scale)
        self.folder, self.log = folder, folder / "engines.log"
        path = folder / "study.yaml"
        content = yaml.safe_load(path.read_text())
        turns = {**NETS, "n_steps": scale.n_steps, "save_interval_steps": scale.n_steps}
        content["learn"]["iteration"]["committee"]["train"] = turns
        content["learn"]["iteration"]["explore"]["selection"] |= LEVELS
        content["learn"]["final"] = {**content["learn"]["final"], "train": {**NETS, **final}}
        path.write_text(yaml.safe_dump(content))
        self.began = time.time()
        self.pk = loop_ours.start(folder)

    @property
    def runs(self) -> list[EngineRun]:
        """Return the runs of engines since the loop was submitted, oldest first; checks before are none."""
        return [run for run in read_runs(self.log) if run.begin >= self.began]

    def first_run(self, kind: str, after: float, timeout_s: float = 600.0) -> EngineRun:
        """Return the first run of a kind after a moment, waiting for it."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [run for run in self.runs if run.name == kind and run.begin > after]
            if found:
                return found[0]
            assert time.monotonic() < deadline, f"no run of {kind} began within {timeout_s:.0f} s: {self.processes()}"
            time.sleep(0.2)

    def wait(self, timeout_s: float) -> str:
        """Return how the loop ended."""
        try:
            return loop_ours.wait(self.folder, self.pk, timeout_s)
        except TimeoutError as error:
            raise AssertionError(f"{error}: {self.processes()}") from error

    def processes(self) -> str:
        """Return what AiiDA says of the processes that have not ended."""
        return loop_ours.call(self.folder, "verdi", "process", "list")

    def outcome(self) -> dict:
        """Return decisions, datasets, errors and jobs of the loop that ended."""
        command = [sys.executable, "-c", QUESTIONS, str(self.pk)]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=loop_ours.environment(self.folder),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def kill_worker(self, _: object = None) -> str:
        """Kill the workers, once there are some; their supervisor starts others by itself."""
        deadline = time.monotonic() + 60.0
        while not (workers := loop_ours.workers(self.folder)):
            assert time.monotonic() < deadline, "the supervisor starts no worker"
            time.sleep(0.2)
        return self._end(workers)

    def kill_daemon(self, _: object = None) -> str:
        """Kill supervisor, broker and workers at once, and start the daemon again.

        Twice where needed, as the page says: workers that begin together with a broker may take the address of the dead
        one from its file, and would wait there for ever. A daemon that is stopped in good order leaves no such file.
        """
        processes = loop_ours.daemon_processes(self.folder)
        below = [child for process in processes for child in process.children()]
        children = [child for child in below if "circus" in " ".join(child.cmdline())]
        said = self._end([*processes, *children])
        time.sleep(1.0)
        loop_ours.call(self.folder, "verdi", "daemon", "start")
        deadline = time.monotonic() + 20.0
        while not self.is_heard():
            if time.monotonic() > deadline:
                loop_ours.call(self.folder, "verdi", "daemon", "restart")
                return f"{said}, started twice"
            time.sleep(0.5)
        return said

    def is_heard(self) -> bool:
        """Return whether the broker lives and a worker takes its tasks, by the file in which the broker says so."""
        for path in self.folder.rglob("broker.status"):
            with contextlib.suppress(OSError, ValueError):  # while it is being written
                status = json.loads(path.read_text())
                return psutil.pid_exists(status["pid"]) and status["task_subscribers"] > 0
        return False

    def kill_engine(self, random) -> str:
        """Kill the program of one run that is going on, but not the script that started it; wait until there is one."""
        deadline = time.monotonic() + 300.0
        while time.monotonic() < deadline:
            going = [run for run in self.runs if run.end is None]
            programs = {run: program_of(run) for run in going}
            living = [run for run, processes in programs.items() if processes]
            if living:
                run = living[int(random.integers(len(living)))]
                return f"{run.name}: {self._end(programs[run])}"
            time.sleep(0.05)
        raise AssertionError(f"no engine runs: {self.processes()}")

    def kill_after_a_checkpoint(self, run: EngineRun, timeout_s: float = 300.0) -> str:
        """Kill a training that has written a checkpoint, shortly after the next row of its learning curve."""
        deadline = time.monotonic() + timeout_s
        folder = Path(run.folder)
        while not (folder / "model.ckpt.meta").exists():  # the last file of a checkpoint; without it, it is torn
            assert time.monotonic() < deadline, "no checkpoint was written"
            time.sleep(0.02)
        rows = len((folder / "lcurve.out").read_text().splitlines())
        while len((folder / "lcurve.out").read_text().splitlines()) == rows:
            assert time.monotonic() < deadline, "the training stands still"
            time.sleep(0.02)
        return f"{run.name}: {self._end(program_of(run))}"

    @staticmethod
    def _end(processes: list[psutil.Process]) -> str:
        assert processes, "there is nothing to kill"
        end_all(processes)
        return f"{len(processes)} processes"

    def close(self) -> None:
        """End the daemon and what it left behind."""
        loop_ours.stop(self.folder)
        end_all(process for process in psutil.process_iter() if _works_below(process, self.folder))


def program_of(run: EngineRun) -> list[psutil.Process]:
    """Return the program of a run with all that it started, without the stand-in that notes begin and end."""
    try:
        return psutil.Process(run.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _works_below(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.pid != os.getpid() and Path(process.cwd()).is_relative_to(folder.resolve())
    except (psutil.Error, OSError):
        return False


def stage_begins(runs: list[EngineRun]) -> list[tuple[str, float]]:
    """Return kind and begin of each stage in order: a stage begins with the first run of another kind."""
    begins: list[tuple[str, float]] = []
    for run in sorted(runs, key=lambda run: run.begin):
        if run.name in KINDS and (not begins or begins[-1][0] != run.name):
            begins.append((run.name, run.begin))
    return begins

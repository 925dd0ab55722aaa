"""A run that is killed again and again and goes on from its restart files is the run that nobody touched."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from aiida_concerted.calculations.lammps_run import MASSES
from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.h5md import H5mdHeader, H5mdReader
from aiida_concerted.formats.h5md_join import join_h5md
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_frames import newest_restart, open_frames, write_frames_h5md
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.lammps_log import first_and_last_step, read_lammps_log
from aiida_concerted.formats.lammps_restart import restart_step
from aiida_concerted.formats.md_parameters import MdParameters, RestartPoint
from tests.conftest import executable
from tests.engines import TYPE_MAP, small_crystal

pytestmark = pytest.mark.lammps

RUN = {
    "carrier": "Li", "temperature_K": 600.0, "anneal_from_K": 100.0, "anneal_ps": 0.4, "equilibration_ps": 0.2,
    "frame_interval_ps": 0.02, "framework_stride": 2, "restart_interval_ps": 0.08,
}  # fmt: skip


class Runner:
    """Runs LAMMPS in a folder a segment, as the calculation would, and may kill it."""

    def __init__(self, folder, models, **changes):
        self.folder, self.models = folder, [str(path) for path in models]
        self.parameters = MdParameters(**{**RUN, **changes})
        self.crystal = small_crystal()
        self.axes = lammps_axes(self.crystal.cell.array)
        symbols = np.array(self.crystal.symbols)
        self.header = {
            "carrier": "Li", "carrier_ids": np.flatnonzero(symbols == "Li"),
            "framework_species": tuple(symbols[symbols != "Li"]), "framework_ids": np.flatnonzero(symbols != "Li"),
            "cell": self.crystal.cell.array, "frame_interval_ps": self.parameters.frame_interval_ps,
            "framework_stride": self.parameters.framework_stride, "step_interval": self.parameters.frame_steps,
        }  # fmt: skip
        self.start, self.restart, self.files, self.n_segments = None, None, [], 0

    def segment(self, kill=None, timeout_s=None, die_at=None):
        """Run one segment and keep what it left; return whether LAMMPS came to the end of the run.

        :param kill: called with the process and its folder.
        :param die_at: step at which LAMMPS kills itself.
        """
        place = self.folder / f"segment_{self.n_segments}"
        self.n_segments += 1
        place.mkdir()
        types = np.array([TYPE_MAP.index(symbol) for symbol in self.crystal.symbols])
        masses = {symbol: MASSES[symbol] for symbol in TYPE_MAP}
        (place / "structure.data").write_text(write_lammps_data(self.axes, self.crystal.positions, types, masses))
        if self.restart is not None:
            shutil.copy(self.restart, place / lammps_input.START_RESTART)
        script = build_lammps_input(
            self.parameters, TYPE_MAP, self.models, n_atoms=16, start=self.start, timeout_s=timeout_s
        )
        (place / "input.in").write_text(script if die_at is None else killing(script, die_at))
        process = subprocess.Popen(
            [executable("lmp"), "-in", "input.in", "-log", "log.lammps", "-screen", "none"], cwd=place,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # the program is started by a script: a kill must reach both
        )  # fmt: skip
        if kill is not None:
            kill(process, place)
        process.wait()
        self._keep(place)
        if not (place / "log.lammps").is_file():
            return False
        log = read_lammps_log((place / "log.lammps").read_text())
        return log.is_complete and not log.is_timed_out

    def _keep(self, place):
        try:
            frames = open_frames(place, self.parameters, has_framework=True, start=self.start)
        except ValueError:
            frames = None
        if frames is not None and frames.n_frames > 1:
            self.files.append(place / "trajectory.h5")
            write_frames_h5md(
                self.files[-1], frames, H5mdHeader(first_step=frames.first_step, **self.header), self.axes
            )
        self.place = place
        restart = newest_restart(place, self.parameters, frames)
        if restart is not None:
            if self.start is None:
                log = read_lammps_log((place / "log.lammps").read_text())
                self.begin = float(log.thermo["PotEng"][0]) / 16
            self.restart = restart
            self.start = RestartPoint(restart_step(restart.read_bytes()), self.begin)

    def joined(self):
        """Return the header and the arrays of the joined trajectory."""
        readers = [H5mdReader(path) for path in self.files]
        join_h5md(readers, self.folder / "joined.h5")
        for reader in readers:
            reader.close()
        with H5mdReader(self.folder / "joined.h5") as reader:
            steps = reader._file["particles/carriers/position/step"][:]
            return steps, reader.carriers(), reader.framework(), reader.framework_displacement()

    def final(self):
        """Return the last configuration as LAMMPS wrote it."""
        return (self.place / lammps_input.FINAL_DUMP).read_bytes()


def kill_at(seed, longest_steps):
    """Return a function that kills a process at a random moment of its run, or, now and then, while it still starts.

    :param longest_steps: steps after its first row that it may make at most; steps, for a machine may be slow.
    """
    random_number = random.Random(seed)

    def steps_done(place):
        log = place / "log.lammps"
        rows = first_and_last_step(log) if log.is_file() else None
        return None if rows is None else rows[1] - rows[0]

    def kill(process, place):
        if random_number.random() < 0.2:
            time.sleep(random_number.uniform(0.0, 3.0))
        else:
            wanted = random_number.uniform(0.0, longest_steps)
            while process.poll() is None and ((done := steps_done(place)) is None or done < wanted):
                time.sleep(0.005)
            time.sleep(random_number.uniform(0.0, 0.02))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)

    return kill


def killing(script, step):
    """Return a script that ends at a step as if its machine had gone down."""
    lines = script.splitlines()
    for number, line in enumerate(lines):
        words = line.split()
        if len(words) == 5 and words[2] == "loop":  # over restart files: only those before the step are come to
            first, last = int(words[3]), int(words[4])
            every = int(re.search(r"\*(\d+)\)", lines[number + 2])[1])
            last = min(last, (step - 1) // every)
            if first <= last:
                lines[number] = f"variable {words[1]} loop {first} {last}"
            else:
                lines[number : number + 5] = [""] * 5
        elif words[:1] == ["run"] and words[1].isdigit() and "upto" in words and int(words[1]) > step:
            # the parent of LAMMPS' shell is LAMMPS; it looks for no variables between quotes
            lines[number : number + 1] = [" ".join(["run", str(step), *words[2:]]), 'shell "kill -9 $PPID"']
            return "\n".join(lines) + "\n"
    raise ValueError(f"no run goes beyond step {step}")


def assert_same_run(runner, undisturbed, atol=0.0):
    """Compare frames; the framework's mean is added up from what LAMMPS wrote in twelve digits."""
    for found, expected in zip(runner.joined()[:3], undisturbed.joined()[:3], strict=True):
        assert np.allclose(found, expected, rtol=0, atol=atol)
    assert np.allclose(runner.joined()[3], undisturbed.joined()[3], rtol=0, atol=max(atol, 1e-10))
    assert atol or runner.final() == undisturbed.final()
    parameters = runner.parameters
    steps = parameters.first_step + parameters.frame_steps * np.arange(parameters.n_frames)
    assert np.array_equal(runner.joined()[0], steps)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_models):
    """The run that nobody touched."""
    runner = Runner(tmp_path_factory.mktemp("whole"), tiny_models, production_ps=1.0)
    assert runner.segment()
    return runner


def test_killed_while_heating_and_in_production_it_is_the_same_run(tmp_path, tiny_models, whole):
    killed = Runner(tmp_path, tiny_models, production_ps=1.0)
    assert not killed.segment(die_at=110)
    assert killed.start.step == 80 < killed.parameters.anneal_steps
    assert not killed.segment(die_at=430)
    assert killed.start.step == 400
    assert killed.segment()
    assert len(killed.files) == 2
    assert_same_run(killed, whole)


def test_a_run_made_longer_is_the_longer_run(tmp_path, tiny_models, whole):
    longer = Runner(tmp_path, tiny_models, production_ps=0.4)
    assert longer.segment()
    assert longer.start.step == longer.parameters.last_step
    longer.parameters = whole.parameters
    assert longer.segment()
    assert_same_run(longer, whole)


def test_at_constant_pressure_with_a_wall_it_is_the_same_run(tmp_path, tiny_models):
    changes = {"production_ps": 1.0, "pressure_bar": 1.0, "wall_A": 1.2}
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    untouched, killed = (Runner(folder, tiny_models, **changes) for folder in folders)
    assert untouched.segment()
    assert not killed.segment(die_at=350)
    assert killed.segment()
    assert_same_run(killed, untouched, atol=1e-4)  # the barostat scales about the middle of the cell it finds: rounding
    assert not killed.parameters.can_go_on_from(80)


@pytest.mark.slow
def test_thousands_of_steps_after_a_kill_it_is_still_the_same_run(tmp_path, tiny_models):
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    # A last digit that differs where a run goes on takes a thousand steps to show in a frame, and then grows.
    undisturbed, killed = (
        Runner(folder, tiny_models, production_ps=12.0, restart_interval_ps=0.2, temperature_K=900.0)
        for folder in folders
    )
    assert undisturbed.segment()
    for step in (130, 710, 1230, 1910, 2520):
        assert not killed.segment(die_at=step)
    assert killed.segment()
    assert_same_run(killed, undisturbed)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_fifty_kills_at_random_moments_leave_no_trace(tmp_path, tiny_models):
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
    untouched, killed = (Runner(folder, tiny_models, production_ps=60.0, restart_interval_ps=0.2) for folder in folders)
    assert untouched.segment()
    longest_steps = untouched.parameters.last_step / 30  # fifty kills then come to two thirds of the run or so
    n_kills = 0
    while not killed.segment(kill_at(n_kills, longest_steps) if n_kills < 50 else None):
        n_kills += 1
    assert n_kills >= 50
    assert_same_run(killed, untouched)


@pytest.mark.slow
def test_stopped_by_its_timer_again_and_again_it_is_the_same_run(tmp_path, tiny_models):
    folders = [tmp_path / "whole", tmp_path / "stopped"]
    for folder in folders:
        folder.mkdir()
    whole, stopped = (Runner(folder, tiny_models, production_ps=20.0, restart_interval_ps=0.2) for folder in folders)
    assert whole.segment()
    while not stopped.segment(timeout_s=8):
        assert stopped.n_segments < 200
    assert stopped.n_segments > 2
    assert_same_run(stopped, whole)

"""The guards of molecular dynamics in LAMMPS itself: what they measure, what they let pass, and what they end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from aiida_concerted.calculations.lammps_run import MASSES
from aiida_concerted.formats import lammps_guards, lammps_input
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_dump import iterate_lammps_dump
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.lammps_log import read_lammps_log
from aiida_concerted.formats.md_parameters import MdParameters, RestartPoint
from tests.conftest import executable
from tests.engines import TYPE_MAP, small_crystal

pytestmark = pytest.mark.lammps

RUN = {"carrier": "Li", "temperature_K": 600.0, "frame_interval_ps": 0.02, "production_ps": 0.4}
TELL = 'print "moved ' + " ".join(f"$(v_moved_{symbol}:%.12g)" for symbol in TYPE_MAP if symbol != "Li") + '"'


@pytest.fixture
def lammps(tmp_path, tiny_models):
    """Return a function that runs LAMMPS and returns its folder and its log."""

    def run(insert=(), append=(), restart=None, **changes):
        """
        :param insert: commands before the production.
        :param append: commands at the end.
        :param restart: restart file to go on from, and its step.
        """
        place = tmp_path / f"run_{len(list(tmp_path.iterdir()))}"
        place.mkdir()
        crystal = small_crystal()
        types = np.array([TYPE_MAP.index(symbol) for symbol in crystal.symbols])
        masses = {symbol: MASSES[symbol] for symbol in TYPE_MAP}
        axes = lammps_axes(crystal.cell.array)
        (place / lammps_input.DATA).write_text(write_lammps_data(axes, crystal.positions, types, masses))
        if restart is not None:
            shutil.copy(restart[0], place / lammps_input.START_RESTART)
        start = None if restart is None else RestartPoint(restart[1], -4.5)
        models = [str(path) for path in tiny_models[:1]]
        parameters = MdParameters(**{**RUN, **changes})
        script = build_lammps_input(parameters, TYPE_MAP, models, n_atoms=16, start=start)
        script = re.sub(
            r"^variable gone .*$", "variable gone equal 0", script, flags=re.M
        )  # energies are not the matter
        begin, end = "variable production loop", f"run {parameters.last_step} upto"
        first = begin if begin in script else end
        script = script.replace(first, "\n".join([*insert, first])).replace(end, "\n".join([end, *append]))
        (place / "input.in").write_text(script)
        subprocess.run(
            [executable("lmp"), "-in", "input.in", "-log", "log.lammps", "-screen", "none"], cwd=place, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        return place, (place / "log.lammps").read_text()

    return run


def moved(log):
    """Return what the guard says of each element at the end, in Å²."""
    return np.array(re.search(r"^moved (.*)$", log, re.M)[1].split(), dtype=float)


def test_the_melting_guard_measures_from_the_frameworks_own_centre_and_over_restarts(lammps):
    limit = {"max_framework_displacement_A": 2.5}
    drift = ["displace_atoms all move 5 -4 3 units box"]
    place, log = lammps(insert=drift, append=[TELL], **limit)
    assert read_lammps_log(log).is_complete  # a crystal that drifts by 7 Å has not melted

    crystal = small_crystal()
    begin = lammps_axes(crystal.cell.array).to_lammps(crystal.positions)
    with (place / lammps_input.FINAL_DUMP).open() as handle:
        away = next(iterate_lammps_dump(handle)).positions()[0] - begin
    symbols = np.array(crystal.symbols)
    away -= away[symbols != "Li"].mean(axis=0)
    elements = [symbol for symbol in TYPE_MAP if symbol != "Li"]
    expected = [(away[symbols == symbol] ** 2).sum(axis=1).mean() for symbol in elements]
    np.testing.assert_allclose(moved(log), expected, rtol=1e-6)

    half, _ = lammps(insert=drift, production_ps=0.2, **limit)
    _, went_on = lammps(restart=(half / lammps_input.FINAL_RESTART, 100), append=[TELL], **limit)
    np.testing.assert_allclose(moved(went_on), moved(log), rtol=1e-9)  # from the begin of the run, not of the segment

    _, log = lammps(**{**limit, "max_framework_displacement_A": 0.9 * min(expected) ** 0.5})
    (error,) = read_lammps_log(log).errors
    assert f"fix-id {lammps_guards.MELTED}" in error


def test_the_temperature_guard_ends_a_run_whose_heat_bath_does_not_reach_it(lammps, monkeypatch):
    """Velocities of 600 K in a crystal at rest become those of 300 K, and this bath takes its time."""
    monkeypatch.setattr(lammps_guards, "TEMPERATURE_WINDOW_PS", 0.1)
    bath = {"thermostat_damping_ps": 100.0}
    _, log = lammps(max_temperature_drift=0.9, **bath)
    whole = read_lammps_log(log)
    assert whole.is_complete
    windows = whole.thermo["Temp"][1:].reshape(-1, 5).mean(axis=1)  # a row every 10 steps, five to a window
    first = np.flatnonzero(abs(windows / 600 - 1) > 0.1)[0]
    _, log = lammps(max_temperature_drift=0.1, **bath)
    (error,) = read_lammps_log(log).errors
    assert re.search(rf"fix-id {lammps_guards.ADRIFT} .*on step {50 * (first + 1)} ", error)

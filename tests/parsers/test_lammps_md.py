from __future__ import annotations

import io
import os
import shutil
import subprocess

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.lammps_run import MASSES
from aiida_concerted.data.conversion import structure_of_arrays
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.md_parameters import MdParameters
from tests.conftest import executable
from tests.engines import TYPE_MAP, small_crystal
from tests.parsing import parse_files

pytestmark = [pytest.mark.lammps, pytest.mark.usefixtures("aiida_profile_clean")]

EXIT = LammpsMdCalculation.exit_codes
PARAMETERS = {
    "carrier": "Li",
    "temperature_K": 300,
    "anneal_from_K": 100,
    "anneal_ps": 0.05,
    "equilibration_ps": 0.02,
    "production_ps": 0.2,
    "frame_interval_ps": 0.02,
    "framework_stride": 2,
}
FIRST_STEP, N_FRAMES = 40, 11


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory, tiny_models):
    """The folder of a real run: heated for 25 steps, equilibrated to step 40, 100 steps kept, two models."""
    folder = tmp_path_factory.mktemp("lammps")
    crystal = small_crystal()
    types = np.array([TYPE_MAP.index(symbol) for symbol in crystal.symbols])
    masses = {symbol: MASSES[symbol] for symbol in TYPE_MAP}
    (folder / "structure.data").write_text(
        write_lammps_data(lammps_axes(crystal.cell.array), crystal.positions, types, masses)
    )
    script = build_lammps_input(MdParameters(**PARAMETERS), TYPE_MAP, [str(path) for path in tiny_models], n_atoms=16)
    (folder / "input.in").write_text(script)
    subprocess.run(
        [executable("lmp"), "-in", "input.in", "-log", "log.lammps", "-screen", "none"],
        cwd=folder, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return folder


@pytest.fixture
def parse(finished_run, fast_localhost, tmp_path):
    crystal = small_crystal()
    shutil.copytree(finished_run, tmp_path, dirs_exist_ok=True)

    def run(log=None):
        facts = {"type_map": TYPE_MAP, "cutoff_A": 5.0, "version": "3.2.0", "level_of_theory": "test"}
        inputs = {
            "structure": structure_of_arrays(crystal.cell.array, crystal.positions, tuple(crystal.symbols)),
            "models__model_0": DeepPotentialData(io.BytesIO(b"weights"), filename="model.pb", **facts),
            "parameters": orm.Dict(PARAMETERS),
        }
        text = (tmp_path / "log.lammps").read_text() if log is None else log
        kept = {"log.lammps": text} if text else {}
        return parse_files(LammpsMdCalculation, fast_localhost, inputs, kept, tmp_path, "concerted.lammps.md")

    run.folder = tmp_path
    run.log = (finished_run / "log.lammps").read_text()
    return run


def cut_log(text, step):
    """Return the log of a run that was killed while it wrote the row after ``step``."""
    lines = text.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.split()[:1] == [str(step)])
    return "".join(lines[: last + 1]) + lines[last + 1][:9]


def cut_file(path, n_bytes):
    path.write_bytes(path.read_bytes()[:-n_bytes])


def test_only_the_production_is_kept_and_the_heating_is_seen_in_the_thermodynamics(parse):
    outputs, exit_code = parse()
    assert exit_code is None
    trajectory = outputs["trajectory"].get_trajectory()
    assert (trajectory.n_frames, len(trajectory.framework), trajectory.framework_stride) == (N_FRAMES, 6, 2)
    np.testing.assert_array_equal(trajectory.framework_displacement[0], 0.0)
    with outputs["trajectory"].reader() as reader:
        assert reader.header.first_step == FIRST_STEP
    mean = (trajectory.framework - trajectory.framework[0]).mean(axis=1)
    np.testing.assert_allclose(trajectory.framework_displacement[::2], mean, atol=5e-6)
    deviation = outputs["model_deviation"]
    assert deviation.get_array("step").tolist() == list(range(FIRST_STEP, 141, 10))
    assert deviation.get_array("frame").tolist() == list(range(N_FRAMES))
    thermo = outputs["thermo"]
    assert thermo.get_array("step").tolist() == [0, 10, 20, 25, *range(30, 141, 10)]
    assert thermo.get_array("temperature_K")[0] == pytest.approx(100.0)
    results = outputs["results"].get_dict()
    production = thermo.get_array("temperature_K")[thermo.get_array("step") >= FIRST_STEP]
    assert results["mean_temperature_K"] == pytest.approx(production.mean())
    assert (results["first_step"], results["steps_done"], results["steps_planned"]) == (40, 140, 140)
    assert results["steps_per_s"] > 0
    assert "structure" in outputs


def test_momentum_is_zero_when_the_run_begins(parse):
    outputs, _ = parse()
    trajectory = outputs["trajectory"].get_trajectory()
    masses = np.array([MASSES[symbol] for symbol in trajectory.framework_species])
    carriers, framework = trajectory.carriers[::2], trajectory.framework
    centre = (carriers.sum(axis=1) * MASSES["Li"] + (framework * masses[:, None]).sum(axis=1)) / (
        5 * MASSES["Li"] + masses.sum()
    )
    np.testing.assert_allclose(centre, np.broadcast_to(centre[0], centre.shape), atol=1e-5)
    assert np.abs(trajectory.framework_displacement).max() > 1e-3


def test_a_kill_keeps_the_frames_that_every_file_has(parse):
    frame = 56 + 3 * (4 * 5 + 8)
    cut_file(parse.folder / "carriers.dcd", 3 * frame + 7)
    cut_file(parse.folder / "framework_mean.dat", 100)
    cut_file(parse.folder / "model_devi.out", 5)
    (parse.folder / "final.lammpstrj").unlink()
    n_mean = (parse.folder / "framework_mean.dat").read_text().count("\n") - 2
    outputs, exit_code = parse(cut_log(parse.log, 110))
    assert exit_code.status == EXIT.ERROR_CUT_SHORT.status
    assert "cut short at step 110 of 140" in exit_code.message
    trajectory = outputs["trajectory"].get_trajectory()
    assert trajectory.n_frames == min(N_FRAMES - 4, n_mean)
    assert len(trajectory.framework) == -(-trajectory.n_frames // 2)
    assert outputs["model_deviation"].get_array("frame").tolist() == list(range(trajectory.n_frames))
    assert "structure" not in outputs
    assert outputs["results"]["steps_done"] == 110


def test_a_framework_that_lags_behind_bounds_the_frames(parse):
    cut_file(parse.folder / "framework.dcd", 2 * (56 + 3 * (4 * 11 + 8)))
    outputs, _ = parse(cut_log(parse.log, 130))
    assert outputs["trajectory"].n_frames == 8


def test_a_kill_while_heating_leaves_no_trajectory(parse):
    for name in ("carriers.dcd", "framework.dcd", "framework_mean.dat", "final.lammpstrj"):
        (parse.folder / name).unlink()
    outputs, exit_code = parse(cut_log(parse.log, 20))
    assert exit_code.status == EXIT.ERROR_CUT_SHORT.status
    assert set(outputs) == {"results", "thermo"}


def test_a_stop_by_the_timer_is_told_from_a_kill(parse):
    warning = "WARNING: Wall time limit reached (src/src/timer.cpp:201)\n"
    lines = cut_log(parse.log, 120).splitlines(keepends=True)[:-1]
    end = parse.log[parse.log.rindex("Loop time") :]
    cut_file(parse.folder / "carriers.dcd", 2 * (56 + 3 * (4 * 5 + 8)))
    outputs, exit_code = parse("".join(lines) + warning + end)
    assert exit_code.status == EXIT.ERROR_STOPPED_BY_TIMER.status
    assert "at step 120 of 140" in exit_code.message
    assert outputs["trajectory"].n_frames == N_FRAMES - 2
    assert "structure" in outputs


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("ERROR: Lost atoms: original 16 current 15 (src/src/thermo.cpp:492)", "ERROR_ATOMS_LOST"),
        ("ERROR: Fix halt condition for fix-id hot met on step 110 with value 9e5 (src/x.cpp:1)", "ERROR_EXPLODED"),
        ("ERROR on proc 0: Non-numeric atom coords - simulation unstable (src/x.cpp:1)", "ERROR_NOT_FINITE"),
        ("ERROR: Unrecognized pair style 'deepmd' (src/src/force.cpp:275)", "ERROR_PAIR_STYLE_MISSING"),
        ("ERROR: Invalid run command (src/run.cpp:20)", "ERROR_PARSER_DETECTED_LAMMPS_RUN_ERROR"),
    ],
)
def test_an_error_of_lammps_has_its_exit_code_and_leaves_what_is_sound(parse, line, label):
    log = "".join(cut_log(parse.log, 110).splitlines(keepends=True)[:-1]) + line + "\n"
    outputs, exit_code = parse(log)
    assert exit_code.status == EXIT[label].status
    assert "{" not in exit_code.message
    assert {"trajectory", "results", "thermo"} <= set(outputs)


def test_a_run_that_breaks_down_at_once_began_badly(parse):
    log = "".join(cut_log(parse.log, 10).splitlines(keepends=True)[:-1])
    _, exit_code = parse(log + "ERROR: Lost atoms: original 16 current 15 (src/src/thermo.cpp:492)\n")
    assert exit_code.status == EXIT.ERROR_BAD_START.status
    assert "Lost atoms" in exit_code.message


def test_a_lack_of_memory_is_told_from_a_kill(parse):
    log = "".join(cut_log(parse.log, 110).splitlines(keepends=True)[:-1])
    outputs, exit_code = parse(log + "ERROR on proc 0: Failed to reallocate 8000000 bytes for array (src/x.cpp:1)\n")
    assert exit_code.status == EXIT.ERROR_OUT_OF_MEMORY.status
    assert "8000000 bytes" in exit_code.message
    assert "trajectory" in outputs


def test_frames_that_are_not_finite_are_cut_off(parse):
    path = parse.folder / "carriers.dcd"
    content = bytearray(path.read_bytes())
    frame = 56 + 3 * (4 * 5 + 8)
    position = len(content) - 4 * frame + 56 + 8
    content[position : position + 4] = np.float32("nan").tobytes()
    path.write_bytes(content)
    outputs, exit_code = parse()
    assert exit_code.status == EXIT.ERROR_NO_TRAJECTORY.status
    assert "7 of 11 frames are sound" in exit_code.message
    assert outputs["trajectory"].n_frames == 7


def test_energies_that_are_not_finite_are_no_success(parse):
    lines = parse.log.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.split()[:1] == ["140"])
    lines[last] = "       140   nan   nan   nan   nan   nan\n"
    outputs, exit_code = parse("".join(lines))
    assert exit_code.status == EXIT.ERROR_NOT_FINITE.status
    assert "after step 130" in exit_code.message
    assert np.isfinite(outputs["results"]["mean_temperature_K"])


def test_a_jump_of_the_conserved_energy_is_no_success(parse):
    lines = parse.log.splitlines(keepends=True)
    for number, line in enumerate(lines):
        words = line.split()
        if words[:1] in (["120"], ["130"], ["140"]) and len(words) == 6:
            words[4] = str(float(words[4]) - 3.0)
            lines[number] = " ".join(words) + "\n"
    outputs, exit_code = parse("".join(lines))
    assert exit_code.status == EXIT.ERROR_ENERGY_NOT_CONSERVED.status
    assert "jumped by 3.0 eV before step 120" in exit_code.message
    assert "8 of them from before" in exit_code.message
    assert outputs["trajectory"].n_frames == N_FRAMES


def test_missing_files_are_named(parse):
    assert parse(log="")[1].status == EXIT.ERROR_OUTFILE_MISSING.status
    (parse.folder / "framework.dcd").unlink()
    _, exit_code = parse()
    assert exit_code.status == EXIT.ERROR_NO_TRAJECTORY.status
    assert "framework.dcd is missing" in exit_code.message

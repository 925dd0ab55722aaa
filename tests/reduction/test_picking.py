"""Frames picked where they lie are those that would be picked at home."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_concerted.cli.main import cli
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.h5md import H5mdReader
from aiida_concerted.formats.h5md_writer import write_h5md
from aiida_concerted.learning.explored import deviation_of, pick_explored
from aiida_concerted.learning.screens import Geometry
from aiida_concerted.reduction.picking import PICKED, PickRequest, pick, pick_in, read_picked
from aiida_concerted.reduction.request import RunDescription, Segment

N_FRAMES = 12
CELL = np.diag([6.0, 7.0, 8.0])
PARAMETERS = {
    "trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.5, "max_selected": 4, "seed": 3, "choice": "farthest",
    "systems": {"cold": "cell", "hot": "cell"},
}  # fmt: skip


def trajectory(seed, temperature_K):
    positions = np.random.default_rng(seed).random((N_FRAMES, 4, 3)) * 5 + 0.1
    return Trajectory(
        "Li", positions[:, :2], CELL, 0.1, temperature_K=temperature_K, framework_species=("S", "P"),
        framework=positions[:, 2:], framework_displacement=positions[:, 2] - positions[0, 2],
    )  # fmt: skip


@pytest.fixture
def request_of(tmp_path):
    """Return a function that makes the request for two runs whose frames lie in a folder."""

    def make(**more):
        deviations = {}
        for seed, name in enumerate(("cold", "hot")):
            write_h5md(tmp_path / f"{name}.h5", trajectory(seed, 300.0 * (seed + 1)))
            force = np.random.default_rng(10 + seed).random(N_FRAMES)
            force[2] = np.nan
            deviations[name] = {"frame": np.arange(N_FRAMES), "max_devi_f_eV_A": force}
        return PickRequest({**PARAMETERS, **more}, {}, {"cold": "cold.h5", "hot": "hot.h5"}, deviations)

    return make


def picked_at_home(request, folder):
    """Return what the kernel picks of frames in memory."""
    readers = {name: H5mdReader(folder / file) for name, file in request.files.items()}
    deviations = {
        name: deviation_of(name, columns, request.parameters["systems"], readers[name].header.temperature_K)
        for name, columns in request.deviations.items()
    }

    def geometry(name, row):
        species, positions = readers[name].frame(row)
        return Geometry(species, readers[name].cell(row), positions)

    return pick_explored(request.parameters, deviations, geometry)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"choice": "random"},
        {"choice": "quantiles", "scope": "run"},
        {"screens": {"min_distances_A": {"Li-S": 1.5, "Li-Li": 1.0}}},
        {"rule": "adaptive", "adaptive": {"number_force": 5}},
    ],
)
def test_the_frames_are_those_of_the_kernel(request_of, tmp_path, more):
    request = request_of(**more)
    expected = picked_at_home(request, tmp_path)
    request.write(tmp_path)
    done = pick_in(tmp_path)
    found = read_picked(tmp_path)
    assert found.statistics == json.loads(json.dumps(expected.statistics)) == json.loads(json.dumps(done.statistics))
    assert list(found.frames) == [(name, int(n)) for name, frames in expected.frames.items() for n in frames]
    assert len(found.frames) > 1
    for (name, frame), geometry in found.frames.items():
        with H5mdReader(tmp_path / f"{name}.h5") as reader:
            species, positions = reader.frame(frame)
        assert geometry.species == species
        np.testing.assert_array_equal(geometry.positions, positions)
        np.testing.assert_array_equal(geometry.cell, CELL)
    assert not list(tmp_path.glob("pick_*"))


def test_rows_beyond_the_sound_frames_are_left_out(request_of, tmp_path):
    request = request_of()
    expected = picked_at_home(request, tmp_path)
    longer = {
        name: {"frame": np.arange(N_FRAMES + 1), "max_devi_f_eV_A": np.append(columns["max_devi_f_eV_A"], 0.3)}
        for name, columns in request.deviations.items()
    }
    assert pick(replace(request, deviations=longer), tmp_path).statistics == expected.statistics


def test_the_command_says_how_many(request_of, tmp_path):
    request_of().write(tmp_path)
    result = CliRunner().invoke(cli, ["pick", str(tmp_path)], catch_exceptions=False)
    assert result.exit_code == 0
    assert result.stdout == "4 frames of 2 explorations\n"


def test_what_cannot_be_done_is_a_result_that_says_so(request_of, tmp_path):
    from aiida_concerted.formats.lammps_input import MdParameters

    request = request_of()
    with pytest.raises(ValueError, match="unknown rule 'dpgne'"):
        replace(request, parameters={**PARAMETERS, "rule": "dpgne"}).write(tmp_path) or pick_in(tmp_path)
    assert read_picked(tmp_path).failure[0] == "request"
    run = RunDescription(("Li", "Li", "S", "P"), CELL, MdParameters("Li", 300.0, 1.0))
    gone = Segment(str(tmp_path / "gone"), "folder")
    with pytest.raises(ValueError, match=r"carriers\.dcd is not there"):
        replace(request, files={"hot": "hot.h5"}, runs={"cold": (run, [gone])}).write(tmp_path) or pick_in(tmp_path)
    assert read_picked(tmp_path).failure[0] == "missing"
    content = json.loads((tmp_path / "request.json").read_text())
    (tmp_path / "request.json").write_text(json.dumps({**content, "schema": "aiida-concerted/pick/2"}))
    with pytest.raises(ValueError, match="install the same version"):
        pick_in(tmp_path)


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", '{"schema": "x"}'])
def test_results_that_are_none_are_refused(tmp_path, text):
    for content in (None, text):
        if content is not None:
            (tmp_path / PICKED).write_text(content)
        with pytest.raises(ValueError, match=re.escape(PICKED)):
            read_picked(tmp_path)

"""Cells of several sizes on the command line, from the JSON form of real analyses."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_concerted.analysis.size_series import join_sizes
from aiida_concerted.analysis.whole_run import AnalysisSettings, analyse_run
from aiida_concerted.cli.main import cli
from tests.synthetic import as_trajectory, random_walkers

SIZES = (50, 100, 200, 400)


@pytest.fixture(scope="module")
def analyses():
    """Return the analyses of walkers with one diffusivity in cells of four sizes."""
    settings = AnalysisSettings(skip=frozenset({"rdf", "van_hove", "density"}))
    runs = {size: as_trajectory(random_walkers(600, size, 0.2, 0.1, seed=size), 0.1) for size in SIZES}
    return {f"{size}.json": analyse_run(run, None, settings).as_dict() for size, run in runs.items()}


@pytest.fixture
def files(analyses, tmp_path):
    for name, analysis in analyses.items():
        (tmp_path / name).write_text(json.dumps(analysis))
    return [str(tmp_path / name) for name in analyses]


def run(*arguments):
    return CliRunner().invoke(cli, ["sizes", *arguments])


def test_one_diffusivity_in_all_cells_has_converged(files, tmp_path):
    result = run(*files, "--json", str(tmp_path / "out.json"), "--plots", str(tmp_path / "figures"))
    assert result.exit_code == 0, result.output
    assert "converged from 50 atoms on" in result.output
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["schema"] == "aiida-concerted/sizes/1"
    assert [point["n_atoms"] for point in content["diffusivity"]["points"]] == list(SIZES)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        f"{name}_by_cell_size.{suffix}" for name in ("diffusivity", "anisotropy") for suffix in ("csv", "pdf", "png")
    }


def test_the_plateau_is_the_planted_diffusivity(analyses):
    plateau = join_sizes(analyses).tests["diffusivity"].plateau
    assert abs(plateau.value - 0.2e-8) < 4 * plateau.stderr


def test_other_temperatures_carriers_and_single_sizes_are_refused(analyses):
    changed = {name: copy.deepcopy(dict(analysis)) for name, analysis in analyses.items()}
    changed["400.json"]["input"]["temperature_K"] = 700.0
    with pytest.raises(ValueError, match=r"400\.json differ in temperature"):
        join_sizes(changed)
    changed["400.json"]["input"].update(temperature_K=600.0, carrier="Na")
    with pytest.raises(ValueError, match="differ in the carrier"):
        join_sizes(changed)
    with pytest.raises(ValueError, match="2 sizes or more"):
        join_sizes({"50.json": analyses["50.json"], "again": analyses["50.json"]})


def test_a_cell_without_an_estimate_is_left_out_and_named(analyses):
    changed = {name: copy.deepcopy(dict(analysis)) for name, analysis in analyses.items()}
    del changed["50.json"]["diffusivity"]["tracer_m2_s"]
    series = join_sizes(changed)
    assert series.tests["diffusivity"].n_atoms == SIZES[1:]
    assert any("50.json" in warning for warning in series.warnings)


@pytest.mark.parametrize("arguments", [["--tolerance", "0"], []])
def test_bad_arguments_are_one_line(arguments, files):
    result = run(*arguments, *(files[:2] if arguments else [files[0], files[0]]))
    assert result.exit_code != 0
    assert np.size(result.output.strip().splitlines()) <= 4

"""The density and the sites of a run as files for other programs, from the command."""

from __future__ import annotations

import numpy as np
import pytest
from ase.io.cube import read_cube_data
from pymatgen.io.vasp import Chgcar

from aiida_concerted.formats.h5md_writer import write_h5md
from aiida_concerted.materials import resolve_sites
from tests.analysis.test_site_analysis import lattice_gas, trajectory
from tests.cli.support import assert_one_line, run_here

COMMON = ("--carrier", "Li", "--sites", "lgps", "--skip", "transport,rdf,van_hove,recrossing")


@pytest.fixture(scope="module")
def run_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.h5"
    write_h5md(path, trajectory(lattice_gas(0, 300)))
    return path


@pytest.mark.parametrize("name", ["li.cube", "CHGCAR"])
def test_the_density_integrates_to_the_carriers_and_stands_among_its_framework(run_file, tmp_path, capsys, name):
    path = tmp_path / name
    outcome = run_here(capsys, "analyse", run_file, *COMMON, "--density", path)
    assert outcome.status == 0, outcome.err
    assert f"Written: {path}" in outcome.out
    if name == "CHGCAR":
        read = Chgcar.from_file(path)
        values, cell = read.data["total"] / read.structure.volume, read.structure.lattice.matrix
        species = [site.specie.symbol for site in read.structure]
    else:
        values, atoms = read_cube_data(path)
        cell, species = atoms.cell.array, atoms.get_chemical_symbols()
    assert values.mean() * abs(np.linalg.det(cell)) == pytest.approx(15, rel=1e-4)  # 30 carriers in two cells
    assert {"Ge", "P", "S"} >= set(species) > set()
    # the densest voxel is one of the sites of the model
    place = np.array(np.unravel_index(values.argmax(), values.shape)) / values.shape
    sites = resolve_sites("lgps").network().fractional
    away = (sites - place - np.rint(sites - place)) @ cell
    assert np.linalg.norm(away, axis=1).min() < 0.6


def test_a_symmetrised_density_has_the_symmetry_and_the_same_integral(run_file, tmp_path, capsys):
    outcome = run_here(capsys, "analyse", run_file, *COMMON, "--density", tmp_path / "s.cube", "--symmetrise")
    assert outcome.status == 0, outcome.err
    values, atoms = read_cube_data(tmp_path / "s.cube")
    assert values.mean() * atoms.get_volume() == pytest.approx(15, rel=1e-4)
    mirrored = np.roll(values[::-1], 1, axis=0)  # P4_2/nmc in origin choice 1 has the mirror x -> -x
    assert np.abs(mirrored - values).max() < 1e-4 * values.max()


def test_the_sites_that_were_used_can_be_used_again(run_file, tmp_path, capsys):
    path = tmp_path / "found.yaml"
    outcome = run_here(capsys, "analyse", run_file, *COMMON, "--save-sites", path)
    assert outcome.status == 0, outcome.err
    assert resolve_sites(path).counts == resolve_sites("lgps").counts
    again = run_here(capsys, "analyse", run_file, *COMMON[:3], path, *COMMON[4:])
    assert again.status == 0, again.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--symmetrise",), "--symmetrise needs --density"),
        (("--density", "nowhere/li.cube"), "make it first"),
    ],
)
def test_what_cannot_be_is_said_before_reading(run_file, capsys, arguments, said):
    outcome = run_here(capsys, "analyse", run_file, *COMMON, *arguments)
    assert outcome.status in (1, 2)
    assert_one_line(outcome, outcome.status, said)


def test_sites_are_needed_to_save_them(run_file, tmp_path, capsys):
    outcome = run_here(capsys, "analyse", run_file, "--carrier", "Li", "--save-sites", tmp_path / "s.yaml")
    assert_one_line(outcome, 2, "need --sites")

"""Runs that others published, and numbers that others published, answer one query."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from click.testing import CliRunner

from aiida_concerted import queries
from aiida_concerted.cli import imports as command
from aiida_concerted.cli.main import cli
from aiida_concerted.materials.resolve import resolve_sites
from tests.published import needs, published

ARGYRODITE = published("Li6PS5Cl_0p_XDATCAR.gz")
SODIUM, CRYSTAL = published("cNa3PS4_trajectories.npy"), published("cNa3PS4.cif")


@pytest.mark.slow
@needs(ARGYRODITE, SODIUM, CRYSTAL)
def test_three_materials_and_the_literature_stand_in_one_table(aiida_profile, monkeypatch, tmp_path):
    aiida_profile.reset_storage()
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    species = ["Na"] * 48 + ["P"] * 16 + ["S"] * 64
    cell = resolve_sites(CRYSTAL, carrier="Na").cell
    frames = [Atoms(species, cell=cell, scaled_positions=frame % 1.0, pbc=True) for frame in np.load(SODIUM)]
    write(tmp_path / "run.extxyz", frames)
    for words in (  # the files tell no temperature; these are stand-ins
        [ARGYRODITE, "--carrier", "Li", "--material", "Li6PS5Cl", "--temperature-K", 500],
        [tmp_path / "run.extxyz", "--carrier", "Na", "--material", "Na3PS4", "--temperature-K", 800],
    ):
        arguments = ["import", "trajectory", *map(str, words), "--frame-interval-ps", "0.1"]
        CliRunner().invoke(cli, arguments, catch_exceptions=False)
    CliRunner().invoke(cli, ["import", "literature", "LGPS"], catch_exceptions=False)
    table = queries.diffusivities()
    assert {row["material"] for row in table} == {"LGPS", "Li6PS5Cl", "Na3PS4"}
    assert 5e-10 < next(row["diffusivity_m2_s"] for row in table if row["material"] == "Li6PS5Cl") < 5e-9
    assert {row["site"] for row in queries.occupancies(material="Li6PS5Cl") if row["occupancy"]} >= {"T5", "T2"}

"""The shipped models on published structures and runs, which do not come with the package; skipped where absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from aiida_concerted.analysis.assignment import assign_sites
from aiida_concerted.analysis.auto_sites import search_sites
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.site_analysis import analyse_sites
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.trajectory_files import TrajectoryRequest, read_trajectory
from aiida_concerted.materials import SiteModel, resolve_sites
from tests import published as files


def published(name: str) -> Path:
    path = files.published(name)
    if not path.exists():
        pytest.skip(f"needs the published file {name}, in the folder that CONCERTED_TEST_DATA names")
    return path


def place(crystal: SiteModel, shift: np.ndarray, **kwargs) -> tuple[PlacedNetwork, dict[str, int]]:
    """Return the sites of LGPS laid over a crystal read from a CIF and moved, and its carriers on each label."""
    framework = crystal.network()
    carriers = (framework.fractional + shift) @ crystal.cell
    kwargs = kwargs or {
        "framework_positions": (framework.framework_fractional + shift) @ crystal.cell,
        "framework_species": tuple(elements[0] for elements in framework.framework_elements),
        "carrier_positions": carriers,
    }
    placed = place_network(resolve_sites("lgps").network(), crystal.cell, **kwargs)
    labels = np.array(placed.labels)[assign_sites(carriers[None], placed)[0]]
    return placed, {label: int((labels == label).sum()) for label in ("Li1", "Li2", "Li3", "Li4")}


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.5, 0.0, 0.25), (0.13, 0.77, 0.41)])
def test_the_framework_finds_the_shifted_origin_of_an_ordered_cell(shift: tuple[float, float, float]) -> None:
    crystal = resolve_sites(published("LGPS_ordered_mp-696128.cif"))
    _, naive = place(crystal, np.zeros(3), origin_shift=(0.0, 0.0, 0.0))
    assert naive == {"Li1": 8, "Li2": 0, "Li3": 8, "Li4": 4}  # its origin is not the model's: Li2 would be called Li4
    placed, found = place(crystal, np.array(shift))
    assert found == {"Li1": 8, "Li2": 4, "Li3": 8, "Li4": 0}
    assert placed.residual_A == pytest.approx(0.11, abs=0.01)


@pytest.mark.parametrize("name", ["Li10GeP2S12_mp-696138.cif", "LGPS_ordered_mp-696138_experimental_lattice.cif"])
def test_the_triclinic_ordered_cell_has_one_lithium_on_li4(name: str) -> None:
    crystal = resolve_sites(published(name))
    for shift in ((0.0, 0.0, 0.0), (0.31, 0.52, 0.83)):
        placed, found = place(crystal, np.array(shift))
        assert found == {"Li1": 11, "Li2": 4, "Li3": 4, "Li4": 1}
        assert placed.residual_A is not None
        assert placed.residual_A < 0.35


def test_the_average_structure_fits_its_own_model() -> None:
    placed, found = place(resolve_sites(published("Li10GeP2S12_Kamaya2011_pymatgen.cif")), np.zeros(3))
    assert found == {"Li1": 16, "Li2": 4, "Li3": 8, "Li4": 0}
    assert placed.residual_A is not None
    assert placed.residual_A < 0.02


@pytest.fixture(scope="module")
def sodium(tmp_path_factory) -> Trajectory:
    """Return the published run of cubic Na3PS4 (128 atoms, 200 frames), by way of extended XYZ."""
    crystal = resolve_sites(published("cNa3PS4.cif"), carrier="Na")
    fractional = np.load(published("cNa3PS4_trajectories.npy"))
    species = [label for label, atoms in (("Na", 48), ("P", 16), ("S", 64)) for _ in range(atoms)]
    path = tmp_path_factory.mktemp("sodium") / "run.extxyz"
    write(path, [Atoms(species, cell=crystal.cell, scaled_positions=frame % 1.0, pbc=True) for frame in fractional])
    request = TrajectoryRequest((path,), "Na", frame_interval_ps=0.1)
    with read_trajectory(request) as (trajectory, _):
        return trajectory


def test_sodium_sits_on_the_sites_of_cubic_na3ps4(sodium) -> None:
    result = analyse_sites(sodium, resolve_sites("na3ps4", carrier="Na").network())
    assert result.supercell == [2, 2, 2]
    assert result.placed.residual_A is not None
    assert result.placed.residual_A < 0.3
    assert result.statistics.counts == {"Na": 48}
    assert result.statistics.occupancy.multiple_fraction < 0.01
    assert result.hops.raw < 10  # a short run of a stoichiometric crystal: every ion stays on a site of its own


def test_the_density_finds_the_sites_of_cubic_na3ps4(sodium) -> None:
    found = search_sites(sodium)
    assert found.network.n_sites == 48
    assert found.occupancy == pytest.approx(1.0, abs=0.02)
    model = resolve_sites("na3ps4").network()
    placed = analyse_sites(sodium, model).placed
    inverse = np.linalg.inv(sodium.cell)
    difference = (found.network.fractional[:, None] - (placed.positions @ inverse)[None]) % 1.0
    difference -= np.rint(difference)
    distance = np.linalg.norm(difference @ sodium.cell, axis=-1).min(axis=0)
    assert distance.max() < 0.4

"""The shipped argyrodite model on a published run of Li6PS5Cl: known shares, any origin, and a peer as oracle.

The run (0 % anion exchange, 416 atoms, 140 frames, from the tutorials of site-analysis, MIT) does not come with the
package; these tests skip where it is absent.
"""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.assignment import assign_sites
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.analysis.site_analysis import analyse_sites, place_in
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.xdatcar import iterate_xdatcar
from aiida_concerted.materials import resolve_sites
from tests.published import needs, published

PUBLISHED = published("Li6PS5Cl_0p_XDATCAR.gz")

pytestmark = needs(PUBLISHED)


def trajectory_of(fractional: np.ndarray, species: np.ndarray, cell: np.ndarray) -> Trajectory:
    steps = np.diff(fractional, axis=0)
    unwrapped = np.concatenate([fractional[:1], fractional[:1] + np.cumsum(steps - np.rint(steps), axis=0)])
    carriers, framework = unwrapped[:, species == "Li"] @ cell, unwrapped[:, species != "Li"] @ cell
    return Trajectory(
        carrier="Li",
        carriers=carriers,
        cell=cell,
        frame_interval_ps=0.1,
        framework_species=tuple(species[species != "Li"].tolist()),
        framework=framework,
        framework_displacement=(framework - framework[0]).mean(axis=1),
    )


@pytest.fixture(scope="module")
def frames() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    read = list(iterate_xdatcar(PUBLISHED))
    return np.array([frame.fractional for frame in read]), np.array(read[0].species), read[0].cell


@pytest.fixture(scope="module")
def run(frames) -> Trajectory:
    return trajectory_of(*frames)


@pytest.fixture(scope="module")
def placed(run) -> PlacedNetwork:
    return place_in(run, resolve_sites("li6ps5cl").network())


def test_the_model_fits_the_framework(placed) -> None:
    assert placed.supercell_summary == [2, 2, 2]
    assert placed.residual_A is not None
    assert placed.residual_A < 0.1
    np.testing.assert_allclose(placed.origin_shift, 0, atol=0.005)
    assert placed.counts == {"T5": 384, "T4": 128, "T3": 32, "T2": 384, "T1": 128}


def test_shares_are_those_of_a_voronoi_assignment_on_the_same_centres(run) -> None:
    share = analyse_sites(run, resolve_sites("li6ps5cl").network()).statistics.occupancy.share
    found = [share[label] for label in ("T5", "T4", "T3", "T2", "T1")]
    np.testing.assert_allclose(found, [0.751, 0.000, 0.000, 0.248, 0.000], atol=0.0006)


def test_the_framework_tells_a_mirrored_and_shifted_run(frames, placed, run) -> None:
    fractional, species, cell = frames
    moved = trajectory_of((0.13 - fractional)[::4], species, cell)
    placed_moved = place_in(moved, placed.network)
    assert placed_moved.residual_A == pytest.approx(placed.residual_A, abs=0.02)
    labels = np.array(placed_moved.labels)[assign_sites(moved.relative_to_framework()[:], placed_moved)]
    expected = np.array(placed.labels)[assign_sites(run.relative_to_framework()[::4], placed)]
    assert (labels == expected).mean() > 0.999


def test_every_assignment_of_every_frame_is_that_of_site_analysis(run, placed) -> None:
    pytest.importorskip("site_analysis", reason="needs site-analysis as an oracle: pip install site-analysis")
    from site_analysis.atom import Atom
    from site_analysis.voronoi_site import VoronoiSite
    from site_analysis.voronoi_site_collection import VoronoiSiteCollection

    inverse = np.linalg.inv(placed.cell)
    sites = [VoronoiSite(frac_coords=centre % 1.0) for centre in placed.positions @ inverse]
    collection = VoronoiSiteCollection(sites)
    number = {site.index: position for position, site in enumerate(sites)}
    atoms = [Atom(index=index) for index in range(run.n_carriers)]
    positions = run.relative_to_framework()[::10]
    ours = assign_sites(positions, placed)
    for frame, expected in zip(positions, ours, strict=True):
        wrapped = (frame @ inverse) % 1.0
        for atom in atoms:
            atom.assign_coords(wrapped)
        collection.assign_site_occupations(atoms, placed.cell)
        assert [number[atom.in_site] for atom in atoms] == expected.tolist()

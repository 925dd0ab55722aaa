"""Sites found from the density: planted ones come back, wherever the origin; what cannot be found is refused."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.auto_sites import SiteSearch, find_sites, guess_max_edge, search_sites
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.site_analysis import analyse_sites
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.materials import load_site_model
from tests.synthetic_lattice import exponential_residence, thermal_positions

TRICLINIC = np.array([[9.0, 0.0, 0.0], [2.1, 8.4, 0.0], [-1.3, 1.7, 8.8]])
PLANTED = np.array(
    [[0.02, 0.05, 0.98], [0.31, 0.12, 0.2], [0.6, 0.4, 0.1], [0.5, 0.8, 0.5], [0.1, 0.55, 0.6], [0.85, 0.2, 0.65]]
)


def run_on(network: SiteNetwork, n_frames: int, n_carriers: int, seed: int = 0, **kwargs) -> Trajectory:
    """Return carriers that hop among the sites of a network and vibrate by 0.25 Å."""
    rng = np.random.default_rng(seed)
    placed = place_network(network, kwargs.pop("cell", network.cell))
    sites = exponential_residence(rng, n_carriers, n_frames, 40.0, placed.n_sites)
    return Trajectory(
        carrier="Li",
        carriers=thermal_positions(rng, placed, sites, 0.25),
        cell=placed.cell,
        frame_interval_ps=0.1,
        **kwargs,
    )


def lattice_gas(n_frames: int = 1500) -> Trajectory:
    return run_on(SiteNetwork("toy", ("A",) * 6, PLANTED, TRICLINIC), n_frames, 5)


def one_to_one(found: np.ndarray, planted: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the distance in Å of every planted site from its own found one."""
    assert len(found) == len(planted)
    difference = planted[:, None] - found[None]
    distance = np.linalg.norm((difference - np.rint(difference)) @ cell, axis=-1)
    assert sorted(distance.argmin(axis=1).tolist()) == list(range(len(planted)))
    return distance.min(axis=1)


def test_planted_sites_of_a_triclinic_cell_come_back_within_a_tenth_of_an_angstrom() -> None:
    found = search_sites(lattice_gas())
    assert one_to_one(found.network.fractional, PLANTED, TRICLINIC).max() < 0.1
    assert found.labelled_by == "site"
    assert sorted(found.network.counts) == ["S1", "S2", "S3", "S4", "S5", "S6"]
    assert found.occupancy.sum() == pytest.approx(5.0, abs=0.15)
    assert (np.diff(found.occupancy) <= 0).all()
    assert found.unplaced_fraction < 0.03


@pytest.mark.parametrize("shift", [(0.4, 0.9, -2.7), (11.0, -3.3, 5.05)])
def test_sites_move_with_the_run(shift: tuple[float, float, float]) -> None:
    run = lattice_gas()
    moved = Trajectory("Li", run.carriers + np.array(shift), run.cell, run.frame_interval_ps)
    expected = find_sites(run).fractional + np.array(shift) @ np.linalg.inv(TRICLINIC)
    assert one_to_one(find_sites(moved).fractional, expected, TRICLINIC).max() < 0.05


def test_the_drift_of_the_framework_is_taken_off() -> None:
    run = lattice_gas()
    drift = np.linspace(0.0, 7.0, run.n_frames)[:, None] * np.array([1.0, -0.5, 0.2])
    drifting = Trajectory(
        "Li", run.carriers + drift[:, None], run.cell, run.frame_interval_ps, framework_displacement=drift
    )
    assert one_to_one(find_sites(drifting).fractional, PLANTED, TRICLINIC).max() < 0.1


def test_the_found_network_analyses_its_own_run() -> None:
    run = lattice_gas()
    network = find_sites(run)
    result = analyse_sites(run, network)
    assert result.supercell == [1, 1, 1]
    true = analyse_sites(run, SiteNetwork("toy", tuple("ABCDEF"), PLANTED, TRICLINIC, max_edge_A=network.max_edge_A))
    assert result.hops.raw == pytest.approx(true.hops.raw, rel=0.01)


@pytest.fixture(scope="module")
def lgps() -> Trajectory:
    """Return a run like that of LGPS, 2×2×1 cells, on its 32 sites a cell; the framework vibrates about its sites."""
    network = load_site_model("lgps").network()
    repeats = np.array([2, 2, 1])
    cell = network.cell * repeats[:, None]
    corners = np.array(list(np.ndindex(*repeats)))
    atoms = (network.framework_fractional[None] + corners[:, None]).reshape(-1, 3) / repeats @ cell
    elements = tuple(kinds[0] for kinds in network.framework_elements) * len(corners)
    framework = atoms + np.random.default_rng(1).normal(scale=0.1, size=(30, len(atoms), 3))
    bare = SiteNetwork("LGPS", network.labels, network.fractional, network.cell)
    kwargs = {"framework_species": elements, "framework": framework, "framework_stride": 10}
    return run_on(bare, 300, 80, cell=cell, **kwargs)


def test_sites_like_those_of_lgps_come_back_with_one_label_an_orbit(lgps) -> None:
    model = load_site_model("lgps").network()
    placed = place_network(SiteNetwork("LGPS", model.labels, model.fractional, model.cell), lgps.cell)
    found = search_sites(lgps)
    assert found.labelled_by == "symmetry"
    assert found.n_operations == 64
    assert one_to_one(found.network.fractional, placed.positions @ np.linalg.inv(lgps.cell), lgps.cell).max() < 0.1
    assert sorted(found.network.counts.values()) == [16, 16, 32, 64]
    nearest = np.linalg.norm(_wrapped(found.network.fractional, placed, lgps.cell), axis=-1).argmin(axis=1)
    pairs = set(zip(found.network.labels, np.array(placed.labels)[nearest].tolist(), strict=True))
    assert len(pairs) == 4
    assert 3.56 < found.network.max_edge_A < 3.98


def _wrapped(fractional: np.ndarray, placed, cell: np.ndarray) -> np.ndarray:
    difference = fractional[:, None] - (placed.positions @ np.linalg.inv(cell))[None]
    return (difference - np.rint(difference)) @ cell


def test_what_was_found_is_told_with_its_thresholds(lgps) -> None:
    told = search_sites(lgps, SiteSearch(max_edge_A=4.5), material="LGPS").as_dict()
    assert told["max_edge_A"] == 4.5
    assert told["saddle_ratio"] == 0.5
    assert told["n_operations"] == 64
    assert sum(told["counts"].values()) == 128


def test_two_shallow_maxima_are_one_site_and_a_deep_saddle_keeps_two() -> None:
    cell = np.diag([9.0, 9.0, 9.0])

    def sites(apart_A: float) -> int:
        pair = np.array([[4.5 - apart_A / 2, 4.5, 4.5], [4.5 + apart_A / 2, 4.5, 4.5]]) / 9.0
        return find_sites(run_on(SiteNetwork("pair", ("A", "A"), pair, cell), 1500, 4)).n_sites

    assert sites(0.9) == 1
    assert sites(1.8) == 2


def test_many_sites_without_symmetry_share_one_label() -> None:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) / 3.0
    planted = grid + rng.uniform(-0.03, 0.03, size=grid.shape)
    found = search_sites(run_on(SiteNetwork("toy", ("A",) * 27, planted, np.diag([10.0, 10.5, 11.0])), 1500, 20))
    assert found.network.counts == {"S": 27}
    assert found.labelled_by == "none"


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    find_sites(lattice_gas(), progress=seen.append)
    assert seen[-1] == 1.0


def test_a_short_run_is_refused_with_what_it_takes() -> None:
    with pytest.raises(ValueError, match=r"too short to find sites in: 40 frames, and it takes about \d+ to") as caught:
        find_sites(lattice_gas(40))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seed", range(5))
def test_a_liquid_has_no_sites(seed: int) -> None:
    carriers = np.random.default_rng(seed).random((1500, 5, 3)) @ TRICLINIC
    with pytest.raises(ValueError, match="no sites found: the density of Li") as caught:
        find_sites(Trajectory("Li", carriers, TRICLINIC, 0.1))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"smoothing_A": 0.0}, "smoothing_A must be a positive"),
        ({"saddle_ratio": 1.0}, "below 1"),
        ({"peak_ratio": 1.0}, "above 1"),
    ],
)
def test_thresholds_out_of_range_are_refused(values: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SiteSearch(**values)


@pytest.mark.parametrize(("name", "expected"), [("lgps", (3.56, 3.98)), ("na3ps4", (3.54, 5.0))])
def test_the_longest_edge_lies_in_a_gap_of_the_distances(name: str, expected: tuple[float, float]) -> None:
    network = load_site_model(name).network()
    assert expected[0] < guess_max_edge(network.fractional, network.cell) < expected[1]


def test_chains_far_apart_are_not_joined_through_the_framework() -> None:
    assert 2.9 < guess_max_edge(np.array([[0.0, 0, 0], [0.5, 0, 0]]), np.diag([5.2, 20.0, 20.0])) < 3.4

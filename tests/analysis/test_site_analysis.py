"""The whole site analysis of a drifting LGPS run with planted hops, and its JSON form."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.site_analysis import analyse_sites, place_in
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.materials import load_site_model
from tests.synthetic_lattice import thermal_positions

LGPS = load_site_model("lgps").network()
SHIFT = np.array([0.21, 0.34, 0.12])


def lattice_gas(seed: int, n_frames: int) -> np.ndarray:
    """Return sites of 30 carriers of a 1×1×2 cell that hop along edges to free sites."""
    rng = np.random.default_rng(seed)
    placed = place_network(LGPS, np.diag([1, 1, 2]) @ LGPS.cell)
    neighbours = [placed.edges[placed.edges[:, 0] == site, 1] for site in range(placed.n_sites)]
    here = rng.permutation(placed.n_sites)[:30]
    sites = np.empty((n_frames, 30), dtype=int)
    for frame in range(n_frames):
        sites[frame] = here
        carrier = int(rng.integers(30))
        target = int(rng.choice(neighbours[here[carrier]]))
        if frame % 4 == 0 and target not in here:
            here = here.copy()
            here[carrier] = target
    return sites


def trajectory(sites: np.ndarray, seed: int = 0) -> Trajectory:
    """Return a run whose framework drifts, with the site model's origin elsewhere."""
    rng = np.random.default_rng(seed)
    cell = np.diag([1, 1, 2]) @ LGPS.cell
    placed = place_network(LGPS, cell, origin_shift=(0.21, 0.34, 0.12))
    cells = np.array([[0, 0, 0], [0, 0, 1]])
    framework = ((cells[:, None] + LGPS.framework_fractional).reshape(-1, 3) + SHIFT) @ LGPS.cell
    species = tuple(
        "Ge" if elements[0] == "Ge" and i % 2 else elements[-1]
        for i, elements in enumerate(LGPS.framework_elements * 2)
    )
    drift = np.linspace(0, 1, len(sites))[:, None] * np.array([3.0, -2.0, 5.0])
    stored = drift[::10, None, :] + framework + rng.normal(scale=0.1, size=(len(sites[::10]), len(framework), 3))
    return Trajectory(
        carrier="Li",
        carriers=thermal_positions(rng, placed, sites) + drift[:, None, :],
        cell=cell,
        frame_interval_ps=0.1,
        framework_species=species,
        framework=stored,
        framework_stride=10,
        framework_displacement=drift,
        temperature_K=600.0,
    )


def test_the_analysis_recovers_the_planted_history() -> None:
    sites = lattice_gas(0, 3000)
    analysis = analyse_sites(trajectory(sites), LGPS, recrossing_ps=0.2)
    shift = (np.array(analysis.origin_shift) - SHIFT) @ LGPS.cell
    assert np.abs(shift - np.rint(shift / np.diag(LGPS.cell)) * np.diag(LGPS.cell)).max() < 0.1
    assert analysis.supercell == [1, 1, 2]
    planted = Counter(np.array(place_network(LGPS, np.diag([1, 1, 2]) @ LGPS.cell).labels)[sites].ravel().tolist())
    for label, share in analysis.statistics.occupancy.share.items():
        assert share == pytest.approx(planted[label] / sites.size, abs=0.005)
    changes = np.count_nonzero(np.diff(sites, axis=0))
    assert analysis.hops.counted == pytest.approx(changes, rel=0.05)
    assert analysis.statistics.occupancy.multiple_fraction < 0.01


def test_the_json_form_keeps_its_keys_and_is_finite() -> None:
    analysis = analyse_sites(trajectory(lattice_gas(1, 1500)), LGPS, discard_ps=20.0)
    content = json.loads(json.dumps(analysis.as_dict(), allow_nan=False))
    assert analysis.history.n_frames == 1300
    assert set(content["sites"]) == {
        "counts",
        "occupancy",
        "share",
        "multiple_occupancy_fraction",
        "residence_time_ps",
    }
    assert content["sites"]["counts"] == {"Li1": 32, "Li2": 8, "Li3": 16, "Li4": 8}
    assert set(content["hops"]) == {"raw", "counted", "non_edge", "by_pair", "recrossing_ps"}
    assert sum(content["hops"]["by_pair"].values()) + content["hops"]["non_edge"] == content["hops"]["counted"]
    assert isinstance(content["exchanges"], int)
    assert {"2", "3"} <= set(content["chains"])
    required = {
        "label", "named", "raw", "side_count", "side_ratio", "background", "count", "lower", "upper",
        "exposure_cell_ps", "one_to_one", "null_excess", "frequency_per_cell_s", "n_paths_per_cell",
    }  # fmt: skip
    assert all(required <= set(mode) for mode in content["modes"])
    assert all(mode["count"] == pytest.approx(mode["raw"] - mode["background"]) for mode in content["modes"])
    residence = content["sites"]["residence_time_ps"]["Li1"]
    assert residence["lower"] < residence["value"] < residence["upper"]


def test_a_vacancy_gas_shows_its_refilling_on_one_side_of_the_lags() -> None:
    analysis = analyse_sites(trajectory(lattice_gas(2, 6000)), LGPS, recrossing_ps=0.0)
    before = sum(int(mode.lag_counts[mode.lag_ps < -0.3].sum()) for mode in analysis.modes)
    after = sum(int(mode.lag_counts[mode.lag_ps > 0.3].sum()) for mode in analysis.modes)
    assert after > 1.2 * before


@pytest.mark.parametrize("discard", [-1.0, 10.0])
def test_nothing_left_is_refused(discard: float) -> None:
    with pytest.raises(ValueError, match="discard_ps must leave two frames"):
        analyse_sites(trajectory(lattice_gas(3, 100)), LGPS, discard_ps=discard)


def turned(run: Trajectory) -> tuple[Trajectory, np.ndarray]:
    """Return the run with sulphur atoms changing places halfway, as in tetrahedra that turn, and its crystal."""
    framework = run.framework.copy()
    sulphur = np.flatnonzero(np.array(run.framework_species) == "S")
    half = len(framework) // 2
    framework[half:, sulphur] = framework[half:, np.roll(sulphur, 1)]
    crystal = run.framework[0] - np.array([0.4, -0.3, 0.2])  # the frame of reference has moved since the crystal
    return replace(run, framework=framework), crystal


def test_the_crystal_fixes_the_origin_where_the_average_of_the_framework_cannot() -> None:
    run, crystal = turned(trajectory(lattice_gas(0, 400)))
    with pytest.raises(ValueError, match="framework atoms are"):
        place_in(run, LGPS)
    placed = place_in(run, LGPS, crystal=crystal)
    shift = (placed.origin_shift - SHIFT) @ LGPS.cell
    assert np.abs(shift - np.rint(shift / np.diag(LGPS.cell)) * np.diag(LGPS.cell)).max() < 0.15

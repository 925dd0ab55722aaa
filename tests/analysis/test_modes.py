"""Concerted modes: planted events are found, accidental ones subtracted, and nothing is counted where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.modes import LagWindows, ModeCount, find_concerted_modes
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.materials import load_site_model
from tests.synthetic_lattice import history_of, planted_events, ring

LGPS = load_site_model("lgps").network()


def total(modes: list[ModeCount]) -> float:
    return sum(mode.events.value for mode in modes if mode.events is not None)


def test_planted_events_are_found_above_the_background() -> None:
    rng = np.random.default_rng(0)
    placed = ring(8, ("A", "B", "C"))
    found, raw = [], []
    for _ in range(12):
        modes = find_concerted_modes(history_of(planted_events(rng, placed, 4000, 150, 400, 8), placed), placed)
        found.append(total(modes))
        raw.append(sum(mode.raw for mode in modes))
    assert np.mean(found) == pytest.approx(150, abs=4 * np.std(found, ddof=1) / np.sqrt(12))
    assert np.std(found, ddof=1) < 35
    assert np.mean(raw) > 180  # what a count without background would say


def test_the_interval_covers_the_planted_number() -> None:
    rng = np.random.default_rng(1)
    placed = ring(8, ("A",))
    n_covered = 0
    for _ in range(60):
        (mode,) = find_concerted_modes(history_of(planted_events(rng, placed, 2000, 40, 60, 8), placed), placed)
        assert mode.events is not None
        assert mode.events.lower is not None
        assert mode.events.upper is not None
        n_covered += mode.events.lower <= 40 <= mode.events.upper
    assert n_covered >= 54


def test_unrelated_hops_leave_no_excess() -> None:
    rng = np.random.default_rng(2)
    placed = ring(4, ("A", "B"))
    excess = [
        total(find_concerted_modes(history_of(planted_events(rng, placed, 1500, 0, 400, 8), placed), placed))
        for _ in range(15)
    ]
    assert abs(np.mean(excess)) < 4 * np.std(excess, ddof=1) / np.sqrt(15)


def test_the_null_model_destroys_the_excess() -> None:
    rng = np.random.default_rng(3)
    placed = ring(20, ("A",))
    history = history_of(planted_events(rng, placed, 10000, 400, 100, 8), placed)
    (mode,) = find_concerted_modes(history, placed, seed=5)
    assert mode.events is not None
    assert mode.events.value > 350
    assert mode.null_excess is not None
    assert abs(mode.null_excess) < 25
    (again,) = find_concerted_modes(history, placed, seed=5)
    assert again.null_excess == mode.null_excess


def test_every_class_of_the_network_is_listed_named_ones_first() -> None:
    placed = place_network(LGPS, np.diag([2, 2, 1]) @ LGPS.cell)
    still = SiteHistory.from_dense(np.tile(np.arange(40), (500, 1)), 0.1, placed.labels)
    modes = find_concerted_modes(still, placed)
    assert [mode.label for mode in modes[:5]] == list(LGPS.modes)
    assert [mode.named for mode in modes] == [True] * 5 + [False] * 9
    assert {mode.label: mode.n_paths_per_cell for mode in modes}["Li1-Li4-Li1"] == 112
    for mode in modes:
        assert mode.raw == mode.one_to_one == mode.side_count == 0
        assert mode.exposure_cell_ps == pytest.approx(4 * 49.9)
        assert mode.dispersion is None
        content = mode.as_dict()
        assert content["frequency_per_cell_s"]["value"] == 0
        assert content["upper"] == pytest.approx(3.689, abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("Li4", "Li1", "Li3"), "Li4-Li1-Li3"),
        (("Li3", "Li1", "Li4"), "Li4-Li1-Li3"),
        (("Li1", "Li3", "Li1"), "Li1-Li3-Li1"),
    ],
)
def test_one_planted_push_counts_once_whichever_way_it_runs(labels: tuple[str, str, str], expected: str) -> None:
    placed = place_network(LGPS, np.diag([2, 2, 1]) @ LGPS.cell)
    ends: dict[int, list[int]] = {}
    for first, second in placed.edges.tolist():
        ends.setdefault(first, []).append(second)
    a, b, c = next(
        (a, b, c)
        for b in range(placed.n_sites)
        for a in ends[b]
        for c in ends[b]
        if a != c and (placed.labels[a], placed.labels[b], placed.labels[c]) == labels
    )
    sites = np.empty((1000, 2), dtype=int)
    sites[:500, 0], sites[500:, 0] = a, b
    sites[:505, 1], sites[505:, 1] = b, c
    modes = find_concerted_modes(SiteHistory.from_dense(sites, 0.1, placed.labels), placed)
    assert {mode.label: mode.raw for mode in modes if mode.raw} == {expected: 1}
    (mode,) = (mode for mode in modes if mode.raw)
    assert mode.one_to_one == 1
    assert mode.lag_ps[mode.lag_counts.argmax()] == pytest.approx(-0.5)
    assert mode.events is not None
    assert mode.frequency_per_cell_s is not None
    assert mode.frequency_per_cell_s.value == pytest.approx(1e12 / (4 * 99.9))


def test_two_copies_side_by_side_have_the_same_frequency() -> None:
    rng = np.random.default_rng(4)
    single, double = ring(6, ("A", "B")), ring(12, ("A", "B"))
    # Tracks that avoid the seam stay connected when the ring is cut open and put beside its copy.
    sites = planted_events(rng, single, 3000, 60, 60, 8)
    crosses = (np.ptp(sites, axis=0) > 2) | (sites == 0).any(axis=0) | (sites == single.n_sites - 1).any(axis=0)
    sites = sites[:, ~crosses]
    both = np.concatenate([sites, sites + single.n_sites], axis=1)
    once = find_concerted_modes(history_of(sites, single), single)
    twice = find_concerted_modes(history_of(both, double), double)
    for one, two in zip(once, twice, strict=True):
        assert (two.raw, two.side_count) == (2 * one.raw, 2 * (one.side_count or 0))
        assert two.frequency_per_cell_s is not None
        assert one.frequency_per_cell_s is not None
        assert two.frequency_per_cell_s.value == pytest.approx(one.frequency_per_cell_s.value)


def test_hops_off_the_network_are_no_part_of_a_mode() -> None:
    placed = ring(10, ("A",))
    sites = np.empty((600, 2), dtype=int)
    sites[:300, 0], sites[300:, 0] = 0, 2  # two steps at once
    sites[:301, 1], sites[301:, 1] = 2, 3
    (mode,) = find_concerted_modes(history_of(sites, placed), placed)
    assert mode.raw == 0


def test_clumped_events_are_reported_as_such() -> None:
    placed = ring(40, ("A",))
    n_frames, sites = 5000, []
    for burst in (500, 2500, 4500):
        for pair in range(30):
            middle = pair % 38 + 1
            for origin, destination in ((middle - 1, middle), (middle, middle + 1)):
                path = np.full(n_frames, origin)
                path[burst + pair % 7 :] = destination
                sites.append(path)
    (mode,) = find_concerted_modes(history_of(np.array(sites).T, placed), placed)
    assert mode.dispersion is not None
    assert mode.dispersion > 10


def test_a_short_run_cuts_the_side_windows_and_a_shorter_one_does_without() -> None:
    placed = ring(10, ("A",))
    rng = np.random.default_rng(6)
    cut = history_of(planted_events(rng, placed, 101, 3, 3, 8), placed)
    windows = LagWindows.of(cut, 1.0, (2.0, 10.0))
    assert windows.side == (20, 50)
    assert windows.side_ratio == pytest.approx(
        2 * sum(100 - k for k in range(21, 51)) / (100 + 2 * sum(range(90, 100)))
    )
    short = history_of(planted_events(rng, placed, 41, 3, 3, 8), placed)
    (mode,) = find_concerted_modes(short, placed)
    content = mode.as_dict()
    assert content["raw"] >= 3
    assert not {"side_count", "side_ratio", "background", "count", "frequency_per_cell_s", "null_excess"} & set(content)


def test_a_split_pair_hides_a_push_until_it_is_grouped() -> None:
    fractional = np.array([[0.0, 0, 0], [0.40, 0, 0], [0.55, 0, 0], [0.80, 0, 0]])
    from aiida_concerted.analysis.sites import SiteNetwork

    cell = np.diag([12.0, 20.0, 20.0])
    sites = np.empty((600, 2), dtype=int)
    sites[:300, 0], sites[300:, 0] = 3, 2  # enters one half of the split site
    sites[:302, 1], sites[302:, 1] = 1, 0  # leaves the other half
    labels = ("A", "B", "B", "C")
    split = place_network(SiteNetwork("split", labels, fractional, cell, max_edge_A=5.0), cell)
    merged = place_network(
        SiteNetwork("split", labels, fractional, cell, max_edge_A=5.0, groups=(("B", "B", 2.0),)), cell
    )
    assert sum(mode.raw for mode in find_concerted_modes(history_of(sites, split), split)) == 0
    modes = find_concerted_modes(history_of(merged.basin[sites], merged), merged)
    assert {mode.label: mode.raw for mode in modes if mode.raw} == {"A-B-C": 1}


def test_times_out_of_order_and_foreign_histories_are_refused() -> None:
    placed = ring(10, ("A",))
    history = history_of(np.zeros((50, 1), dtype=int), placed)
    with pytest.raises(ValueError, match="need 0 < window_ps"):
        find_concerted_modes(history, placed, window_ps=3.0)
    with pytest.raises(ValueError, match="20 sites"):
        find_concerted_modes(history_of(np.zeros((50, 1), dtype=int), ring(20, ("A",))), placed)

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.concerted_event import MAX_FRAMES, choose_event, cut_out
from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.trajectory import Trajectory

INTERVAL_PS = 0.1
CELL = np.diag([12.0, 9.0, 9.0])
# Four sites in a row, three ångströms apart, the last next to the first.
CHAIN = SiteNetwork(
    "chain", ("A", "B", "C", "D"), np.array([[x, 0.0, 0.0] for x in (0.0, 0.25, 0.5, 0.75)]), CELL, max_edge_A=3.1
)


def run(sites, n_frames=200, framework=True):
    """Return a run of carriers that sit on sites given as ``{frame: site}`` each, moving within five frames."""
    carriers = np.zeros((n_frames, len(sites), 3))
    for number, stays in enumerate(sites):
        frames, x = [], []
        for begin, site in stays.items():
            frames += [begin - 2.5, begin + 2.5] if begin else [0]
            x += [x[-1], 3.0 * site] if begin else [3.0 * site]
        carriers[:, number, 0] = np.interp(np.arange(n_frames), frames, x)
    drift = np.linspace(0.0, 1.0, n_frames)[:, None] * np.ones(3)
    atoms = np.array([[3.0, 2.0, 0.0], [3.0, 4.4, 4.4]]) + drift[:, None, :]
    return Trajectory(
        "Li", carriers + drift[:, None, :], CELL, INTERVAL_PS, ("S", "P"), atoms, 1, drift, temperature_K=600.0
    )


def event_of(trajectory, **rule):
    placed = place_network(CHAIN, CELL)
    history = site_history(trajectory.carriers, placed, INTERVAL_PS, trajectory.framework_displacement)
    return placed, choose_event(history, placed, **{"window_ps": 1.0, "recrossing_ps": 0.2, **rule})


def test_the_pair_that_pushes_is_found_with_its_sites_and_frames():
    trajectory = run([{0: 0, 103: 1}, {0: 1, 100: 2}])
    _, event = event_of(trajectory)

    assert (event.mode, event.carriers, event.sites, event.frames) == ("A-B-C", (0, 1), (0, 1, 2), (104, 101))
    assert event.middle_frame == 102


def test_hops_further_apart_than_the_window_are_no_event():
    _, event = event_of(run([{0: 0, 130: 1}, {0: 1, 100: 2}]))

    assert event is None


def test_a_settled_event_goes_before_a_closer_pair_of_passers_by():
    hasty = {0: 0, 40: 1, 46: 2, 150: 3}
    trajectory = run([hasty, {0: 1, 40: 2, 44: 3}])
    _, event = event_of(trajectory)

    assert event.frames[0] > 40


def test_the_cut_shows_both_ways_from_zero_to_one_relative_to_the_framework():
    trajectory = run([{0: 0, 103: 1}, {0: 1, 100: 2}, {0: 3}])
    placed, place = event_of(trajectory)
    event = cut_out(trajectory, placed, place)

    np.testing.assert_allclose(event.progress[0], 0.0, atol=1e-9)
    np.testing.assert_allclose(event.progress[-1], 1.0, atol=1e-9)
    np.testing.assert_allclose(event.path, [[-3.0, 0, 0], [0, 0, 0], [3.0, 0, 0]], atol=1e-9)
    assert event.labels == ("A", "B", "C")
    assert event.hop_ps == pytest.approx((0.2, -0.1))
    assert event.time_ps[0] <= -1.5
    assert event.time_ps[-1] >= 1.5
    assert len(event.time_ps) <= MAX_FRAMES
    # Atoms move with the framework, whose displacement is taken off: the sulphur stays two ångströms from B.
    assert event.framework_species == ("S",)
    np.testing.assert_allclose(event.framework, [[0.0, 2.0, 0.0]], atol=1e-9)


def test_a_path_across_the_border_of_the_cell_is_in_one_piece():
    trajectory = run([{0: 3, 103: 4}, {0: 4, 100: 5}])
    placed, place = event_of(trajectory)
    event = cut_out(trajectory, placed, place)

    assert event.labels == ("D", "A", "B")
    np.testing.assert_allclose(np.diff(event.path[:, 0]), [3.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(event.progress[-1], 1.0, atol=1e-9)


def test_a_named_mode_goes_before_a_more_frequent_one():
    named = SiteNetwork("chain", CHAIN.labels, CHAIN.fractional, CELL, max_edge_A=3.1, modes=("C-D-A",))
    trajectory = run([{0: 0, 43: 1}, {0: 1, 40: 2, 143: 3}, {0: 3, 140: 4}])
    placed = place_network(named, CELL)
    history = site_history(trajectory.carriers, placed, INTERVAL_PS, trajectory.framework_displacement)

    assert choose_event(history, placed, window_ps=1.0, recrossing_ps=0.2).mode == "C-D-A"

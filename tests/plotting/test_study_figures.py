"""Figures that only a study has: single sites, paths of modes, sampling, sizes, one event."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.diffusion import SUFFICIENT_HOPS
from aiida_concerted.materials import load_site_model
from aiida_concerted.plotting import TemperatureSeries, new_figure
from aiida_concerted.plotting.mode_paths import plot_mode_path, shortest_path
from aiida_concerted.plotting.run_transport import plot_size_displacements
from aiida_concerted.plotting.sampling import plot_sampling
from aiida_concerted.plotting.site_strip import plot_site_strip
from tests.plotting.drawn import errorbars, lines, points


@pytest.fixture
def axes():
    return new_figure()[1]


@pytest.fixture(scope="module")
def lgps():
    return load_site_model("lgps").network()


def test_the_strip_has_a_row_a_temperature_with_the_hottest_on_top(axes):
    plot_site_strip(axes, {1000.0: np.array([0.1, 0.2]), 300.0: np.array([0.8, 0.9])}, ["Li1", "Li2"])
    (mesh,) = axes.collections

    np.testing.assert_allclose(np.asarray(mesh.get_array()).reshape(2, 2), [[0.8, 0.9], [0.1, 0.2]])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["300", "1000"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Li1\n(1)", "Li2\n(1)"]


def test_a_strip_needs_a_label_for_each_site(axes):
    with pytest.raises(ValueError, match="3 occupancies do not belong to 2"):
        plot_site_strip(axes, {300.0: np.ones(3)}, ["Li1", "Li2"])


@pytest.mark.parametrize(
    ("mode", "lengths", "angle"),
    # Distances and angles of the five modes in the refinement that is shipped, computed from its coordinates by hand.
    [
        ("Li2-Li3-Li1", (3.16, 2.32), 100),
        ("Li2-Li3-Li2", (3.16, 3.16), 178),
        ("Li1-Li3-Li1", (2.32, 2.32), 169),
        ("Li4-Li1-Li3", (3.02, 2.32), 111),
        ("Li4-Li1-Li4", (3.36, 3.02), 149),
    ],
)
def test_paths_of_the_modes_have_the_crystals_distances(lgps, mode, lengths, angle):
    path = shortest_path(lgps, mode)

    assert path.labels == tuple(mode.split("-"))
    assert sorted(path.lengths_A) == pytest.approx(sorted(lengths), abs=0.01)
    assert min(abs(path.angle_deg - angle), abs(path.angle_deg - (180 - angle))) < 1.0


def test_a_path_is_drawn_with_its_lengths_to_scale(axes, lgps):
    plot_mode_path(axes, lgps, "Li4-Li1-Li3")
    filled = [line for line in axes.lines if line.get_markerfacecolor() != "white"]
    places = np.array([points_of[0] for points_of in (np.column_stack(line.get_data()) for line in filled)])

    assert [line.get_label() for line in filled] == ["_Li4", "_Li1", "_Li3"]
    assert np.linalg.norm(np.diff(places, axis=0), axis=1) == pytest.approx([3.02, 2.32], abs=0.01)
    assert axes.get_xlabel().startswith("3.02 Å, 2.32 Å")


def test_a_class_that_the_network_lacks_says_so(axes, lgps):
    plot_mode_path(axes, lgps, "Li4-Li4-Li4")

    assert shortest_path(lgps, "Li4-Li4-Li4") is None
    assert any("no such path" in text.get_text() for text in axes.texts)


def test_hops_are_drawn_with_the_number_that_suffices(axes):
    plot_sampling(axes, TemperatureSeries.of("hops", [300, 600], [20.0, 500.0]), [False, True])

    assert points(errorbars(axes)["sufficient"])[:, 1].tolist() == [500.0]
    assert points(errorbars(axes)["insufficient"])[:, 1].tolist() == [20.0]
    assert any(line.get_ydata()[0] == SUFFICIENT_HOPS for line in axes.lines if line.get_label().endswith("hops"))


def test_verdicts_and_hops_must_be_as_many(axes):
    with pytest.raises(ValueError, match="1 numbers of hops do not belong to 2 verdicts"):
        plot_sampling(axes, TemperatureSeries.of("hops", [300], [20.0]), [True, False])


def test_displacements_of_all_sizes_are_drawn_without_what_a_logarithm_cannot_show(axes):
    lag = np.array([0.0, 1.0, 2.0])
    plot_size_displacements(axes, {"1×1×1, 50 atoms": (lag, lag), "2×2×2, 400 atoms": (lag, 2 * lag)})

    np.testing.assert_allclose(lines(axes, "2×2×2, 400 atoms"), [[[1.0, 2.0], [2.0, 4.0]]])

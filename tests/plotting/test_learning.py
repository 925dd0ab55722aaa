from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.plotting.learning import (
    Exploration,
    plot_deviation_distributions,
    plot_deviation_over_time,
    plot_learning_curves,
    plot_parity,
    plot_selection,
)
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import has_unit, lines, texts

TRUST = (0.12, 0.25)


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def run(turn: int, temperature: float, deviations, counts=(8, 1, 1)) -> Exploration:
    deviations = np.asarray(deviations, dtype=float)
    named = dict(zip(("accurate", "candidate", "failed"), counts, strict=True))
    return Exploration(turn, f"cell_T{temperature:g}", temperature, named, 0.1 * np.arange(len(deviations)), deviations)


def test_distribution_of_each_run_is_drawn_in_its_turn(axes):
    deviations = np.geomspace(0.01, 1.0, 101)
    plot_deviation_distributions(axes, [run(1, 600, deviations), run(2, 600, deviations / 2)], trust_eV_A=TRUST)

    assert [float(line[0, 1]) for line in lines(axes, "_median")] == pytest.approx([0.1, 0.05])
    whole = axes.collections[0].get_segments()[0][:, 1]
    np.testing.assert_allclose(whole, np.quantile(deviations, [0.05, 0.95]))
    assert [lines(axes, f"_trust_{name}")[0][0, 1] for name in ("lower", "upper")] == list(TRUST)
    assert axes.get_xticks().tolist() == [1, 2]
    assert has_unit(axes.get_ylabel())


def test_deviations_that_are_not_numbers_are_left_out(axes):
    plot_deviation_distributions(axes, [run(1, 600, [0.1, np.nan, 0.1]), run(1, 800, [np.nan])])

    assert len(lines(axes, "_median")) == 1
    assert figure_bytes(axes.figure)


def test_deviation_over_time_is_drawn_for_each_run(axes):
    plot_deviation_over_time(axes, [run(2, 600, [0.1, 0.2, 0.3]), run(2, 800, [0.3, 0.2, 0.4])], trust_eV_A=TRUST)

    np.testing.assert_allclose(lines(axes, "_cell_T800")[0], [[0.0, 0.3], [0.1, 0.2], [0.2, 0.4]])
    assert has_unit(axes.get_xlabel())
    assert axes.get_ylim()[1] > TRUST[1]


def test_selection_bars_add_up_to_one(axes):
    plot_selection(axes, [run(1, 800, [], (6, 3, 1)), run(1, 600, [], (20, 0, 0))])

    widths = np.array([[bar.get_width() for bar in container] for container in axes.containers])
    np.testing.assert_allclose(widths, [[1.0, 0.6], [0.0, 0.3], [0.0, 0.1]])
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["turn 1, 600 K", "turn 1, 800 K"]


def test_a_run_without_frames_has_empty_bars(axes):
    plot_selection(axes, [run(1, 600, [], (0, 0, 0))])

    assert figure_bytes(axes.figure)


@pytest.mark.parametrize("plot", [plot_deviation_distributions, plot_deviation_over_time, plot_selection])
def test_no_explorations_are_said_to_be_none(axes, plot):
    plot(axes, [])

    assert texts(axes)


@pytest.mark.parametrize(("quantity", "text"), [("energy", "RMSE 50 meV/atom"), ("force", "RMSE 50 meV Å$^{-1}$")])
def test_parity_shows_every_value_and_the_error(axes, quantity, text):
    reference = np.linspace(-1, 1, 12).reshape(4, 3)
    plot_parity(axes, reference, reference + 0.05, quantity=quantity, rmse=0.05)

    (drawn,) = lines(axes, "_values")
    np.testing.assert_allclose(drawn, np.column_stack([reference.ravel(), reference.ravel() + 0.05]))
    assert texts(axes) == text
    assert has_unit(axes.get_xlabel())
    assert has_unit(axes.get_ylabel())


def test_parity_of_nothing_is_no_error(axes):
    plot_parity(axes, np.zeros((0, 3)), np.zeros((0, 3)), quantity="force", rmse=0.0)

    assert texts(axes) == "nothing was tested"


def test_parity_refuses_what_does_not_match(axes):
    with pytest.raises(ValueError, match=r"differ in shape: \(3,\) and \(2,\)"):
        plot_parity(axes, np.zeros(3), np.zeros(2), quantity="force", rmse=0.0)
    with pytest.raises(ValueError, match="quantity must be one of energy, force, got 'virial'"):
        plot_parity(axes, np.zeros(3), np.zeros(3), quantity="virial", rmse=0.0)


def test_learning_curves_are_drawn_by_model_without_what_is_not_finite(axes):
    steps = np.array([0.0, 100.0, 200.0])
    plot_learning_curves(axes, {"model_0": (steps, np.array([np.nan, 0.5, 0.1]))})

    np.testing.assert_allclose(lines(axes, "model_0")[0], [[100, 0.5], [200, 0.1]])
    assert axes.get_yscale() == "log"
    assert has_unit(axes.get_ylabel())

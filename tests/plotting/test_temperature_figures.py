from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

from aiida_concerted.analysis.temperature_series import join_temperatures
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.plotting.temperature_figures import plot_arrhenius, temperature_figures
from tests.plotting.drawn import errorbars, has_unit, lines, points
from tests.plotting.lattice_run import analysed

TEMPERATURES = (600.0, 800.0, 1000.0)
NAMES = [
    "arrhenius", "modes_arrhenius", "msd_by_temperature", "anisotropy_by_temperature", "haven_by_temperature",
    "occupancy_by_temperature", "residence_by_temperature", "rdf_by_temperature",
]  # fmt: skip


def scaled(temperature):
    """Return the analysis of one run as if at another temperature, with D and counts on Arrhenius lines."""
    content = copy.deepcopy(analysed().as_dict())
    content["input"]["temperature_K"] = temperature
    factor = np.exp(-0.2 / BOLTZMANN_EV_PER_K * (1 / temperature - 1 / 600.0))
    tracer = content["diffusivity"]["tracer_m2_s"]
    content["diffusivity"]["tracer_m2_s"] = {key: value * factor for key, value in tracer.items()}
    for mode in content["modes"]:
        mode["raw"] = round(mode["raw"] * factor * 10)
        mode["exposure_cell_ps"] *= 10
    return content


@pytest.fixture(scope="module")
def analyses():
    return [scaled(temperature) for temperature in TEMPERATURES]


@pytest.fixture(scope="module")
def fits(analyses):
    return join_temperatures({str(index): item for index, item in enumerate(analyses)}).as_dict()


@pytest.fixture(scope="module")
def figures(analyses, fits):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return {figure.name: figure for figure in temperature_figures(analyses[::-1], fits)}


def test_every_figure_is_there_under_its_name(figures):
    assert list(figures) == NAMES
    for figure in figures.values():
        assert {len(row) for row in figure.rows} == {len(figure.columns)}
        for axes in figure.figure.axes:
            assert all(has_unit(name) for name in (axes.get_xlabel(), axes.get_ylabel()) if name)


def test_diffusivities_lie_on_their_fit_which_goes_on_to_300_K(figures, analyses, fits):
    axes = figures["arrhenius"].figure.axes[0]
    drawn = np.concatenate([points(item) for item in errorbars(axes).values()])
    expected = [
        (1000 / T, a["diffusivity"]["tracer_m2_s"]["value"]) for T, a in zip(TEMPERATURES, analyses, strict=True)
    ]
    np.testing.assert_allclose(sorted(drawn.tolist()), sorted(expected))
    label = next(line.get_label() for line in axes.lines if line.get_label().startswith("fit"))
    (line,) = lines(axes, label)
    energy = -np.diff(np.log(line[[0, -1], 1]))[0] / np.diff(line[[0, -1], 0])[0] * 1000 * BOLTZMANN_EV_PER_K
    assert energy == pytest.approx(fits["diffusivity"]["activation_energy_eV"]["value"])
    assert lines(axes, "_beyond")[0][:, 0].max() == pytest.approx(1000 / 300)


def test_insufficient_sampling_is_hollow(analyses):
    doubtful, good = copy.deepcopy(analyses[0]), copy.deepcopy(analyses[1])
    doubtful["diffusivity"]["sampling"], good["diffusivity"]["sampling"] = "insufficient", "sufficient"
    figure = next(item for item in temperature_figures([doubtful, good]) if item.name == "arrhenius")
    drawn = errorbars(figure.figure.axes[0])

    assert drawn["insufficient sampling"].lines[0].get_markerfacecolor() == "white"
    np.testing.assert_allclose(points(drawn["insufficient sampling"])[:, 0], [1000 / 600])
    np.testing.assert_allclose(points(drawn["simulation"])[:, 0], [1000 / 800])


def test_modes_are_drawn_with_the_lines_of_their_fits(figures, fits):
    axes = figures["modes_arrhenius"].figure.axes[0]
    fitted = [mode for mode in fits["modes"] if mode["named"] and "activation_energy_eV" in mode]

    assert {"Li4-Li1-Li3", "Li1-Li3-Li1"} <= set(errorbars(axes))
    drawn = lines(axes, "_fit")
    assert len(drawn) == len(fitted) > 0
    first = fitted[0]
    expected = first["attempt_frequency_s"]["value"] * np.exp(
        -first["activation_energy_eV"]["value"] / (BOLTZMANN_EV_PER_K * 600.0)
    )
    assert drawn[0][-1, 1] == pytest.approx(expected)


def test_without_fits_only_points_are_drawn(analyses):
    figures = {figure.name: figure for figure in temperature_figures(analyses)}

    assert not [line for line in figures["arrhenius"].figure.axes[0].lines if line.get_label().startswith("fit")]
    assert list(figures) == NAMES


def test_what_no_analysis_holds_has_no_figure(analyses, tmp_path):
    keys = ("input", "msd")
    bare = [{key: analysis[key] for key in keys} for analysis in analyses]

    paths = plot_arrhenius(bare, tmp_path / "new", formats=("svg",))

    assert [path.name for path in paths] == ["msd_by_temperature.svg", "msd_by_temperature.csv"]
    assert all(path.is_file() for path in paths)


def test_an_analysis_without_a_temperature_is_refused(analyses):
    with pytest.raises(ValueError, match="--temperature-K"):
        temperature_figures([{"input": {}}, *analyses])

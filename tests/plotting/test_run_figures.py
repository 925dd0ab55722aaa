from __future__ import annotations

import csv
import dataclasses
import warnings

import numpy as np
import pytest
from matplotlib.text import Text

from aiida_concerted.plotting.run_figures import plot_run, run_figures
from tests.plotting.drawn import has_unit, lines
from tests.plotting.lattice_run import analysed, analysed_without_sites

NAMES = [
    "msd", "anisotropy", "density", "rdf", "van_hove_self", "van_hove_distinct", "sites_occupancy", "site_raster",
    "residence", "recrossing", "modes", "lag_histogram",
]  # fmt: skip


@pytest.fixture(scope="module")
def figures():
    run = analysed()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = {figure.name: figure for figure in run_figures(run)}
        for figure in drawn.values():
            figure.figure.draw_without_rendering()
    return drawn


def test_every_figure_is_there_under_its_name(figures):
    assert list(figures) == NAMES


def test_files_are_written_into_a_new_folder_and_replaced(tmp_path):
    run = dataclasses.replace(analysed(), van_hove=None, density=None, sites=None, rdf={}, recrossing=None)
    folder = tmp_path / "new" / "plots"
    (first, second) = (plot_run(run, folder, formats=("png",)) for _ in range(2))

    assert [path.name for path in first] == ["msd.png", "msd.csv", "anisotropy.png", "anisotropy.csv"]
    assert first == second
    assert {path.name for path in folder.iterdir()} == {path.name for path in first}


def test_every_axis_has_a_unit(figures):
    for figure in figures.values():
        for axes in figure.figure.axes:
            names = (axes.get_xlabel(), axes.get_ylabel())
            assert all(has_unit(name) for name in names if name), (figure.name, names)
        assert any(axes.get_xlabel() for axes in figure.figure.axes), figure.name
        assert any(axes.get_ylabel() for axes in figure.figure.axes), figure.name


def test_figures_are_as_wide_as_one_or_two_columns(figures):
    assert {figure.figure.get_figwidth() for figure in figures.values()} == {3.5, 7.2}


def test_axes_and_their_labels_do_not_overlap(figures):
    for figure in figures.values():
        boxes = [axes.get_tightbbox().shrunk(0.98, 0.98) for axes in figure.figure.axes]
        for index, box in enumerate(boxes):
            for other in boxes[index + 1 :]:
                assert not box.overlaps(other), figure.name


def test_text_is_legible(figures):
    for figure in figures.values():
        sizes = [text.get_fontsize() for text in figure.figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 5.9, figure.name


def test_the_numbers_behind_are_those_of_the_run(figures):
    run = analysed()
    lag, tracer = list(zip(*figures["msd"].rows, strict=True))[:2]
    np.testing.assert_allclose(lag, run.transport.lag_ps)
    np.testing.assert_allclose(tracer, run.transport.msd_tracer_A2)
    inside = [row[0] for row in figures["msd"].rows if row[3]]
    assert (min(inside), max(inside)) == pytest.approx(run.transport.fit_window_ps)
    density = [row[3] for row in figures["density"].rows if row[0] == "c"]
    assert np.mean(density) * 8.71**2 == pytest.approx(run.density.n_carriers, rel=1e-6)
    occupancy = {row[1]: row[3] for row in figures["sites_occupancy"].rows if row[0] == "label"}
    assert occupancy == {label: item.value for label, item in run.sites.statistics.occupancy.by_label.items()}
    assert [row[0] for row in figures["modes"].rows] == [item.label for item in run.sites.modes]
    assert sum(row[2] for row in figures["lag_histogram"].rows) == sum(int(m.lag_counts.sum()) for m in run.sites.modes)
    assert len(figures["site_raster"].rows) == len(run.sites.history.starts)
    assert {row[0] for row in figures["rdf"].rows} == set(run.rdf)
    assert len(figures["van_hove_self"].rows) == run.van_hove.self_part.size


def test_columns_name_what_rows_hold(figures):
    for figure in figures.values():
        assert figure.rows, figure.name
        assert {len(row) for row in figure.rows} == {len(figure.columns)}, figure.name


def test_the_sites_of_the_model_are_where_the_density_is(figures):
    run = analysed()
    fractional = run.sites.placed.network.fractional
    index = np.round(fractional * run.density.density.shape).astype(int) % run.density.density.shape
    at_sites = run.density.density[tuple(index.T)]
    assert at_sites.mean() > 20 * run.density.density.mean()
    panel = figures["density"].figure.axes[0]
    assert {line.get_label() for line in panel.lines} == {"Li1", "Li2", "Li3", "Li4"}
    assert len(lines(panel, "Li2")[0]) == 4  # on the middles of the edges, each with its copy


def test_without_sites_the_density_is_that_of_the_run_and_site_figures_are_left_out():
    figures = {figure.name: figure for figure in run_figures(analysed_without_sites())}

    assert list(figures) == NAMES[:6]
    assert not figures["density"].figure.axes[0].lines
    assert max(row[1] for row in figures["density"].rows) > 8.71


def test_a_run_with_nothing_computed_has_no_figures(tmp_path):
    run = dataclasses.replace(analysed_without_sites(), transport=None, rdf={}, van_hove=None, density=None)

    assert plot_run(run, tmp_path) == []


def test_a_run_too_short_for_a_background_still_has_its_figures():
    figures = {figure.name: figure for figure in run_figures(analysed(25))}

    assert "no frequencies" in " ".join(text.get_text() for text in figures["modes"].figure.axes[0].texts)
    assert {row[-1] for row in figures["modes"].rows} == {None}


def test_a_skewed_cell_has_cartesian_directions():
    skewed = dataclasses.replace(analysed_without_sites(), cell=np.array([[9.0, 0, 0], [3.0, 8, 0], [0, 0, 9.0]]))
    (anisotropy,) = [figure for figure in run_figures(skewed) if figure.name == "anisotropy"]

    assert [row[0] for row in anisotropy.rows][:3] == ["x", "y", "z"]


def test_csv_files_can_be_read_back(tmp_path):
    run = dataclasses.replace(analysed_without_sites(), van_hove=None, density=None, rdf={})
    path = next(path for path in plot_run(run, tmp_path, formats=()) if path.name == "msd.csv")

    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    np.testing.assert_allclose([float(row["tracer_A2"]) for row in rows], run.transport.msd_tracer_A2, rtol=1e-7)

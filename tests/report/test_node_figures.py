from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.common.figure_kinds import FIGURE_KINDS, kind_named
from aiida_concerted.data.results import (
    ArrheniusData,
    DiffusivityData,
    ModeFrequenciesData,
    SiteStatisticsData,
    VacancyFormationData,
)
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.report.figures.collect import MAKERS
from aiida_concerted.report.graph import outputs_of
from aiida_concerted.report.node_figures import CLASSES, figure_of_node
from aiida_concerted.workflows.deepmd.base import DeepmdBaseWorkChain
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from tests.plotting.drawn import errorbars, lines, points
from tests.workflows.ended import ended

MADE_FROM = {"density", "event", "mode-paths"}
"""Kinds whose figure names the nodes that it was drawn from instead of the one that was asked for."""


@pytest.fixture(scope="module")
def results(finished):
    """Return a result of each class: the last of the study's, fits by quantity."""
    found = {}
    for node in outputs_of(finished).values():
        fit = isinstance(node, ArrheniusData) and (node["quantity"], node.get("mode"))
        found[fit or type(node)] = node
    return found


def drawable(results):
    fits = [results["tracer_diffusivity", None], results["mode_frequency", "Li4-Li1-Li3"]]
    single = {
        "msd": DiffusivityData, "anisotropy": DiffusivityData, "haven": DiffusivityData, "sampling": DiffusivityData,
        "modes": ModeFrequenciesData, "mode-paths": ModeFrequenciesData, "event": ModeFrequenciesData,
        "lags": ModeFrequenciesData, "occupancy": SiteStatisticsData, "residence": SiteStatisticsData,
        "density": SiteHistoryData, "site-occupancy": SiteHistoryData, "raster": SiteHistoryData,
        "van-hove-self": MolecularDynamicsData, "van-hove-distinct": MolecularDynamicsData,
        "vacancy": VacancyFormationData,
    }  # fmt: skip
    return [("arrhenius", fit) for fit in fits] + [(kind, results[cls]) for kind, cls in single.items()]


def test_every_result_is_drawn_by_itself_with_its_numbers(results):
    for kind, node in drawable(results):
        figure = figure_of_node(kind, node)

        assert node.uuid in figure.uuids or kind in MADE_FROM, kind
        assert figure.table[1], kind
        assert figure.svg.startswith(b"<?xml"), kind


def test_the_list_names_what_each_kind_is_drawn_for():
    for name, kind in FIGURE_KINDS.items():
        of_study = "study" in kind.of and name in MAKERS
        assert of_study or name == "lags", name
        assert set(kind.of) - {"study", "training"} <= set(CLASSES), name
    assert [name for name in FIGURE_KINDS if name in MAKERS] == list(MAKERS)


def test_kinds_of_a_run_are_found_by_the_names_of_its_files():
    assert kind_named("van_hove_self").name == "van-hove-self"
    assert kind_named("site_raster").name == "raster"
    assert kind_named("diffusivity").name == "msd"
    assert kind_named("") is None


def test_a_study_is_drawn_as_in_its_report(finished, content):
    for kind in ("mode-paths", "committee-time", "parity-energy", "provenance"):
        figure = figure_of_node(kind, finished)
        assert figure.svg, kind
        assert figure.paper == FIGURE_KINDS[kind].paper
    drawn = errorbars(figure_of_node("arrhenius", finished).figure.axes[0])["this study"]
    temperatures = [item.temperature_K for item in content.diffusivities]
    assert sorted(points(drawn)[:, 0]) == pytest.approx(sorted(1000.0 / np.array(temperatures)))


def test_a_fit_is_drawn_with_the_results_it_was_made_from(results, content):
    axes = figure_of_node("arrhenius", results["tracer_diffusivity", None]).figure.axes[0]

    assert len(points(errorbars(axes)["this study"])) == len(content.diffusivities)
    assert any(line.get_label().startswith("fit") for line in axes.lines)


def test_residence_times_of_one_result_are_those_it_holds(results):
    node = results[SiteStatisticsData]
    axes = figure_of_node("residence", node).figure.axes[0]

    for label, time in node["residence_time_ps"].items():
        assert points(errorbars(axes)[f"_{label}"])[0, 1] == pytest.approx(time)


def test_a_label_never_left_has_the_lower_bound_it_was_stored_with():
    attributes = {
        "material": "LGPS", "formula": "Li", "carrier": "Li", "level_of_theory": "none", "n_atoms": 1,
        "temperature_K": 300.0, "occupancy": {"Li2": 1.0}, "residence_time_ps": {}, "n_hops": 0, "recrossing_ps": 1.0,
    }  # fmt: skip
    sites = {"residence_time_ps": {"Li2": {"lower": 54.2, "n_exits": 0, "n_censored": 4}}}
    node = SiteStatisticsData(attributes=attributes, result={"sites": sites}).store()
    axes = figure_of_node("residence", node).figure.axes[0]

    np.testing.assert_allclose(lines(axes, "_Li2_at_least"), [[[0.0, 54.2]]])


EVALUATION = {
    "reference_energies_eV_per_atom": np.array([-4.0, -4.1]),
    "predicted_energies_eV_per_atom": np.array([-4.0, -4.0]),
    "reference_forces_eV_A": np.zeros((4, 3)),
    "predicted_forces_eV_A": np.full((4, 3), 0.05),
}
CURVE = {"step": np.arange(3), "rmse_force_validation_eV_A": np.array([0.3, 0.2, 0.1])}


def arrays(content):
    node = orm.ArrayData()
    for name, values in content.items():
        node.set_array(name, values)
    return node


def trained():
    """A committee and a single training, ended, with the tests of their members."""
    members = {"model_0": arrays(EVALUATION)}, {"model_0": arrays(CURVE)}
    committee = dict(zip(("evaluations", "learning_curves"), members, strict=True))
    single = {"evaluation": arrays(EVALUATION), "learning_curve": arrays(CURVE)}
    return ended(DeepmdCommitteeWorkChain, committee), ended(DeepmdBaseWorkChain, single)


def test_parity_of_a_committee_or_a_training_is_drawn_with_its_error(aiida_profile):
    for node in trained():
        assert "error 70.7 meV_per_atom" in figure_of_node("parity-energy", node).alternative
        figure = figure_of_node("parity-force", node)
        assert "error 50 meV_A" in figure.alternative
        assert len(figure.table[1]) == 12
        assert figure_of_node("learning-curves", node).svg


def test_an_unknown_kind_is_refused_with_the_nearest(finished):
    with pytest.raises(ValueError, match="no figure 'arrenius': did you mean 'arrhenius'"):
        figure_of_node("arrenius", finished)


def test_a_node_of_another_class_is_refused_with_those_it_takes(results, finished):
    number = orm.Int(3).store()
    with pytest.raises(ValueError, match=rf"node {number.pk} is a Int: .* a DiffusivityData or a study"):
        figure_of_node("msd", number)
    with pytest.raises(ValueError, match="drawn for a study"):
        figure_of_node("committee", results[DiffusivityData])
    with pytest.raises(ValueError, match="drawn for a ModeFrequenciesData or a study at one temperature"):
        figure_of_node("lags", finished)


def test_several_figures_of_a_study_are_named_instead_of_one_being_picked(finished):
    with pytest.raises(ValueError, match=r"4 figures 'raster' .*600 K.*choose one with --temperature-K"):
        figure_of_node("raster", finished)


def test_one_run_of_a_study_is_drawn_as_by_itself(finished, results):
    for kind in ("density", "event", "lags"):
        assert "1000 K" in figure_of_node(kind, finished, temperature_K=1000).title, kind
    shown = figure_of_node("occupancy", finished, temperature_K=1200)
    assert shown.uuids == (results[SiteStatisticsData].uuid,)
    with pytest.raises(ValueError, match="nothing at 650 K: it has runs at 600, 800, 1000, 1200 K"):
        figure_of_node("raster", finished, temperature_K=650)


def test_a_pair_is_chosen_in_either_order(results):
    run = results[MolecularDynamicsData]
    assert figure_of_node("rdf", run, pair="S-Li").key == figure_of_node("rdf", run, pair="li-s").key == "rdf-Li-S"
    with pytest.raises(ValueError, match=r"figures 'rdf' .*choose one with --pair"):
        figure_of_node("rdf", run)
    with pytest.raises(ValueError, match="no pair 'Li-O': it has Li-Li, "):
        figure_of_node("rdf", run, pair="Li-O")


def test_a_density_is_drawn_with_the_sites_where_they_are_known(results):
    with_sites = figure_of_node("density", results[SiteHistoryData]).figure
    assert {text.get_text() for text in with_sites.legends[0].get_texts()} == {"Li1", "Li2", "Li3", "Li4"}
    assert not figure_of_node("density", results[MolecularDynamicsData]).figure.legends


def test_a_history_from_elsewhere_has_no_density(results):
    history = results[SiteHistoryData]
    copy = history.clone().store()
    with pytest.raises(ValueError, match=f"the trajectory and the sites behind node {copy.pk} are not here"):
        figure_of_node("density", copy)


@pytest.mark.parametrize(("columns", "width_inch"), [(1, 3.5), (2, 7.2)])
def test_figures_span_the_columns_they_are_asked_for(finished, results, columns, width_inch):
    for kind, node in [("arrhenius", finished), ("van-hove-self", results[MolecularDynamicsData])]:
        figure = figure_of_node(kind, node, columns=columns).figure
        assert figure.get_size_inches()[0] == pytest.approx(width_inch)
        assert 2.0 < figure.get_size_inches()[1] < 8.0


def test_a_study_without_the_result_says_so(running):
    with pytest.raises(ValueError, match="holds nothing to draw for the figure 'vacancy'"):
        figure_of_node("vacancy", running)

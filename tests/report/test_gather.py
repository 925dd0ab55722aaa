from __future__ import annotations

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.graph import children_of
from aiida_concerted.report.tables import error_table
from tests.report.synthetic_study import SURROGATE, evaluation, learning_curve, potential, process, returned


def test_context_comes_from_the_results(content, finished):
    assert (content.material, content.carrier, content.level_of_theory) == ("LGPS", "Li", SURROGATE)
    assert content.is_surrogate
    assert content.uuid == finished.uuid
    assert content.is_finished_ok
    assert content.missing == ()


def test_results_are_ordered_by_temperature(content):
    for results in (content.diffusivities, content.site_statistics, content.modes, content.histories):
        assert [item.temperature_K for item in results] == [600, 800, 1000, 1200]


def test_fits_are_found_by_quantity_and_mode(content):
    assert content.fit_of("tracer_diffusivity")["quantity"] == "tracer_diffusivity"
    assert content.fit_of("mode_frequency", "Li2-Li3-Li1")["mode"] == "Li2-Li3-Li1"
    assert content.fit_of("mode_frequency", "Li9-Li9-Li9") is None


def test_explorations_have_times_counts_and_deviations(content):
    learning = content.learning

    assert [(run.turn, run.temperature_K) for _, run in learning.explorations] == [
        (turn, T) for turn in (1, 2) for T in (400, 800, 1200)
    ]
    _, run = learning.explorations[0]
    assert sum(run.counts.values()) == len(run.deviation_eV_A) == 120
    np.testing.assert_allclose(np.diff(run.time_ps), 0.01)
    assert learning.trust_eV_A == (0.05, 0.15)
    assert learning.threshold == 0.95


def test_least_accurate_fraction_is_that_of_the_last_turn(content):
    last = [run for _, run in content.learning.explorations if run.turn == 2]

    assert content.learning.least_accurate == min(run.counts["accurate"] / 120 for run in last)


def test_models_curves_and_predictions_are_read(content):
    learning = content.learning

    assert [model["seed"] for model in learning.models] == [7, 1007, 2007, 3007]
    assert {"step", "rmse_force_validation_eV_A"} <= set(learning.curves[0].columns)
    reference, predicted = learning.parities[0].force
    assert reference.shape == predicted.shape == (2000, 3)
    assert [turn["turn"] for turn in learning.turns] == [1, 2, 3]


def test_cost_counts_the_calculations_below_each_stage(content):
    jobs = {stage.name: stage.n_calculations for stage in content.making.stages}

    assert jobs == {"relax": 0, "aimd_T600": 0, "aimd_T1000": 0, "learn": 6, "sweep": 4, "vacancy": 0}
    sweep = next(stage for stage in content.making.stages if stage.name == "sweep")
    assert sweep.core_s == pytest.approx(2 * sweep.job_s)  # two processes each


def test_codes_come_without_their_folders(content):
    (code,) = content.making.codes

    assert (code.label, code.executable, code.computer, code.n_calculations) == (
        "lmp-of-report",
        "lmp",
        "report-machine",
        10,
    )


def test_settings_are_the_plain_inputs(content):
    names = [name for name, _ in content.making.settings]

    assert names == ["learn.accurate_fraction", "seed", "sweep.md", "sweep.temperatures_K"]
    assert dict(content.making.settings)["seed"] == "7"


def test_a_running_study_gives_what_its_parts_have_and_names_the_rest(running):
    content = gather_study(running)

    assert content.state == "running"
    assert [item.temperature_K for item in content.diffusivities] == [1000]
    assert content.learning.n_frames == 3
    assert content.vacancy is None
    assert [text.split(":")[0] for text in content.missing] == ["activation energies", "vacancy formation energies"]


def test_a_sweep_alone_stands_for_a_study(finished):
    content = gather_study(children_of(finished)["sweep"])

    assert len(content.diffusivities) == 4
    assert content.vacancy is None
    assert content.learning.explorations == ()


def test_a_sweep_alone_shows_the_committee_that_it_was_given(aiida_profile):
    model = potential(0, "PBE").store()
    errors = {"n_frames": 5, "rmse_energy_eV_per_atom": 0.002, "rmse_force_eV_A": 0.1}
    results = orm.Dict({"held_out": errors, "held_out_by_dataset": {"cells_50": errors, "cells_400": errors}}).store()
    committee = process("DeepmdCommitteeWorkChain")
    outputs = {"learning_curves__model_0": learning_curve(0).store(), "evaluations__model_0": evaluation(0).store()}
    returned(committee, {"models__model_0": model, "metrics__model_0": results, **outputs})
    content = gather_study(process("SweepWorkChain", inputs={"models__model_0": model}))

    assert [item.model for item in content.learning.parities] == ["model_0"]
    assert [row[:3] for row in error_table(content).rows] == [
        ("–", "held-out", "5"), ("–", "held-out: cells_50", "5"), ("–", "held-out: cells_400", "5"),
    ]  # fmt: skip

"""Each published number meets the study's own: in its unit, at its temperature, with both errors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.materials import ReferenceValue
from aiida_concerted.report.comparison import FINDERS, compare_numbers, comparison_table, rounding_of
from aiida_concerted.report.content import LearningContent, Result
from aiida_concerted.report.numbers import numbers_of
from aiida_concerted.report.published import Published

LGPS = Published.of("LGPS")


@pytest.fixture
def empty(content):
    """Return a study of LGPS by first principles that has no results."""
    return replace(
        content, diffusivities=(), site_statistics=(), modes=(), arrhenius=(), histories=(), structures=(), events=(),
        vacancy=None, level_of_theory="PBE", learning=LearningContent(),
    )  # fmt: skip


def reference(quantity, value, **more):
    return ReferenceValue(quantity, value, more.pop("unit", ""), "experiment", "A. Nobody (2000)", **more)


def only(content, value):
    (found,) = compare_numbers(content, Published((value,)))
    return found


def run_at(T, D, relative=0.1, **more):
    attributes = {"temperature_K": T, "diffusivity_m2_s": D, "diffusivity_stderr_m2_s": relative * D, **more}
    return Result(uuid=f"run-{T:g}", attributes=attributes)


def test_without_results_nothing_can_be_said_and_each_number_says_why(empty):
    found = compare_numbers(empty, LGPS)

    assert len(found) == len(LGPS.values)
    assert {item.verdict for item in found} == {"cannot be said"}
    assert all(item.reason for item in found)


def test_every_quantity_that_ships_is_looked_for():
    assert {value.quantity for value in LGPS.values} <= FINDERS.keys()


@pytest.mark.parametrize(
    ("own", "uncertainty", "expected"),
    [(1.1, None, "agrees"), (1.3, None, "differs"), (1.3, 0.2, "agrees"), (0.75, None, "differs")],
)
def test_diffusivities_are_compared_as_ratios_with_both_errors(empty, own, uncertainty, expected):
    study = replace(empty, diffusivities=(run_at(500.0, own),))
    value = reference("tracer_diffusivity", 1.0, temperature_K=500.5, uncertainty=uncertainty)

    found = only(study, value)

    assert found.verdict == expected
    assert "run at 500 K" in found.reason
    error = np.hypot(0.1, rounding_of(1.0) if uncertainty is None else uncertainty)
    assert f"{abs(np.log(own)) / error:.1f}" in found.reason


def test_between_two_runs_the_line_through_them_is_met_with_its_error(empty):
    def D(T):
        return 1e-7 * np.exp(-0.25 / (BOLTZMANN_EV_PER_K * T))

    study = replace(empty, diffusivities=(run_at(500.0, D(500)), run_at(800.0, D(800)), run_at(1200.0, D(1200))))

    found = only(study, reference("tracer_diffusivity", D(666), temperature_K=666.0))

    assert found.verdict == "agrees"
    assert found.own.value == pytest.approx(D(666), rel=1e-12)
    assert 0.1 / np.sqrt(2) <= found.own.stderr < 0.1
    assert found.own.uuids == ("run-500", "run-800")


def test_what_lies_beyond_the_runs_comes_from_the_fit_at_300_K_alone(empty):
    names = ("diffusivity_300K{}_m2_s", "conductivity_300K{}_S_m")
    ends = {"": 1.0, "_lower": 0.5, "_upper": 2.0}
    attributes = {name.format(end): value for name in names for end, value in ends.items()}
    fit = Result("fit", {"quantity": "tracer_diffusivity", **attributes})
    study = replace(empty, arrhenius=(fit,), diffusivities=(run_at(600.0, 1.0),))

    cold = only(study, reference("tracer_diffusivity", 1.5, temperature_K=300.24))
    assert (cold.verdict, cold.own.uuids) == ("agrees", ("fit",))
    assert cold.own.stderr == pytest.approx(np.log(4.0) / (2 * 1.96), rel=1e-3)
    assert only(study, reference("tracer_diffusivity", 1.0, temperature_K=400.0)).reason == "no run near 400 K"


def test_a_measured_conductivity_has_the_haven_ratio_in_it(empty):
    near = run_at(300.0, 1.0, conductivity_S_m=1.0, conductivity_stderr_S_m=0.1)
    measured = reference("conductivity", 2.0, unit="S/m", temperature_K=298.0)
    alone = only(replace(empty, diffusivities=(near,)), measured)
    assert (alone.verdict, alone.own.value) == ("cannot be said", 1.0)
    assert "without a Haven ratio" in alone.reason

    hot = run_at(600.0, 1.0, haven_ratio=0.5, haven_ratio_stderr=0.05)
    found = only(replace(empty, diffusivities=(near, hot)), measured)

    assert (found.verdict, found.own.value) == ("agrees", 2.0)
    assert found.own.stderr == pytest.approx(np.hypot(0.1, 0.1))
    assert found.own.uuids == ("run-300", "run-600")


def test_a_conductivity_is_divided_by_the_haven_ratio_of_its_own_runs(empty):
    runs = tuple(
        run_at(T, 1.0, conductivity_S_m=1.0, conductivity_stderr_S_m=0.1, haven_ratio=haven, haven_ratio_stderr=0.04)
        for T, haven in ((300.0, 0.8), (600.0, 0.4))
    )
    study = replace(empty, diffusivities=runs)
    for T, haven, uuid in ((298.0, 0.8, "run-300"), (600.0, 0.4, "run-600")):
        own = only(study, reference("conductivity", 2.0, unit="S/m", temperature_K=T)).own
        assert own.value == pytest.approx(1.0 / haven)
        assert own.stderr == pytest.approx(np.hypot(0.1, 0.04 / haven))
        assert own.uuids == (uuid,)
    # σ over the Haven ratio is the charge diffusivity alone, and so is its error.
    charged = run_at(
        600.0, 1.0, conductivity_S_m=1.0, conductivity_stderr_S_m=0.2, haven_ratio=0.5, haven_ratio_stderr=0.11,
        charge_diffusivity_m2_s=2.0, charge_diffusivity_stderr_m2_s=0.6,
    )  # fmt: skip
    measured = reference("conductivity", 2.0, unit="S/m", temperature_K=600.0)
    own = only(replace(empty, diffusivities=(charged,)), measured).own
    assert (own.value, own.stderr) == (2.0, pytest.approx(0.3))
    rough = run_at(
        298.0, 1.0, conductivity_S_m=3.0, conductivity_stderr_S_m=0.1, haven_ratio=0.6, haven_ratio_stderr=0.35
    )
    own = only(
        replace(study, diffusivities=(rough, *runs)), reference("conductivity", 2.0, unit="S/m", temperature_K=298.0)
    ).own
    assert own.uuids == ("run-298", "run-300", "run-600")
    assert own.value == pytest.approx(3.0 / 0.6, rel=0.02)
    far = only(study, reference("conductivity", 2.0, unit="S/m", temperature_K=604.0))
    assert far.reason == "no run near 604 K"


def test_a_run_whose_framework_left_takes_no_part(empty):
    study = replace(empty, diffusivities=(run_at(500.0, 1.0, framework_departure_A=50.0),))

    assert only(study, reference("tracer_diffusivity", 1.0, temperature_K=500.0)).own.value is None


def test_what_is_known_too_roughly_says_nothing(empty):
    fit = Result("fit", {"quantity": "tracer_diffusivity", "activation_energy_eV": 0.2,
                         "activation_energy_stderr_eV": 0.11})  # fmt: skip

    found = only(replace(empty, arrhenius=(fit,)), reference("activation_energy", 0.2))

    assert found.verdict == "cannot be said"
    assert "too roughly" in found.reason


@pytest.mark.parametrize(("own", "expected"), [(0.30, "agrees"), (0.45, "differs")])
def test_energies_of_modes_meet_those_of_their_own_mode(empty, own, expected):
    fits = [
        Result(mode, {"quantity": "mode_frequency", "mode": mode, "activation_energy_eV": energy,
                      "activation_energy_stderr_eV": 0.03})
        for mode, energy in (("A-B-C", own), ("B-C-B", 9.0))
    ]  # fmt: skip

    found = only(replace(empty, arrhenius=tuple(fits)), reference("mode_activation_energy", 0.33, label="A-B-C"))

    assert found.verdict == expected


def test_the_haven_ratio_is_the_weighted_mean_over_temperatures(empty):
    items = (run_at(600.0, 1.0, haven_ratio=0.4, haven_ratio_stderr=0.1),
             run_at(800.0, 1.0, haven_ratio=0.6, haven_ratio_stderr=0.05))  # fmt: skip

    own = only(replace(empty, diffusivities=items), reference("haven_ratio", 0.42)).own

    assert own.value == pytest.approx((0.4 * 100 + 0.6 * 400) / 500)
    assert own.stderr == pytest.approx(500**-0.5)


def test_numbers_of_a_stand_in_are_shown_and_not_judged(content, empty):
    own = compare_numbers(content, LGPS)
    assert content.is_surrogate
    assert {item.verdict for item in own} == {"cannot be said"}
    assert any(item.own.value is not None for item in own)
    vacancy = Result("v", {"formation_energy_eV": {"Li2": 3.0}, "level_of_theory": "stand-in (CHGNet, not DFT)"})
    value = reference("vacancy_formation_energy", 3.17, label="Li2")
    assert only(replace(empty, vacancy=vacancy), value).reason == "from a stand-in for first principles"


@pytest.mark.parametrize(
    ("value", "half"),
    [
        (7.1e-12, 0.05e-12),
        (0.42, 0.005),
        (30.0, 0.5),
        (1.0, 0.05),
        (3.17, 0.005),
        (1.061e-9, 5e-13),
        (0.1 + 0.2, 0.005),
    ],
)
def test_a_number_has_the_error_of_its_rounding(value, half):
    assert rounding_of(value) == pytest.approx(half / np.sqrt(3.0))


def test_the_whole_is_a_table_and_plain_data(content):
    table = comparison_table(compare_numbers(content, LGPS))
    assert len(table.rows) == len(LGPS.values)
    assert all(len(row) == len(table.columns) for row in table.rows)
    numbers = json.loads(json.dumps(numbers_of(content), allow_nan=False))
    assert [item["key"] for item in numbers["claims"]][:8] == [f"C{number}" for number in range(1, 9)]
    assert len(numbers["comparison"]) == len(LGPS.values)
    assert numbers["study"]["is_surrogate"]
    assert any(row["quantity"] == "activation_energy" for row in numbers["results"])


def test_the_whole_tells_every_run(whole):
    numbers = json.loads(json.dumps(numbers_of(whole), allow_nan=False))
    temperatures = [item["temperature_K"] for item in numbers["diffusivities"]]
    assert temperatures == [item.temperature_K for item in whole.diffusivities] == sorted(temperatures)
    for told, item in zip(numbers["diffusivities"], whole.diffusivities, strict=True):
        assert told["tracer_m2_s"]["value"] == pytest.approx(item["diffusivity_m2_s"])
        assert told["tracer_m2_s"]["stderr"] == pytest.approx(item["diffusivity_stderr_m2_s"])
        assert 0.0 <= told["ab_share"]["value"] <= 1.0
    for told, item in zip(numbers["site_statistics"], whole.site_statistics, strict=True):
        assert {label: part["value"] for label, part in told["occupancy"].items()} == pytest.approx(item["occupancy"])
        assert set(told["residence_time_ps"]) == set(item["residence_time_ps"])
    for told, item in zip(numbers["modes"], whole.modes, strict=True):
        assert {part["label"]: part["raw"] for part in told["classes"]} == item["n_events"]
        assert told["window_ps"] == item["window_ps"]
    for told, item in zip(numbers["pair_functions"], whole.structures, strict=True):
        for pair, peak in told["highest_peaks"].items():
            assert peak["g"]["value"] == item.rdf[pair].g.max()
            assert peak["r_A"] in item.rdf[pair].r_A
    assert len(numbers["fits"]) == len(whole.arrhenius)
    assert len(numbers["cell_sizes"]) == len(whole.cell_sizes)


def test_a_study_without_runs_tells_of_none(empty):
    numbers = numbers_of(replace(empty, cell_sizes=(), size_test=None))
    assert not any(numbers[kind] for kind in ("diffusivities", "modes", "pair_functions", "fits", "cell_sizes"))

"""Several temperatures together: planted energies, zeros that count, files that do not belong together."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest

from aiida_concerted.analysis.temperature_series import join_temperatures
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K, conductivity_S_m
from tests.synthetic_series import DIFFUSION_EV, DIFFUSION_PREFACTOR, MODES_EV, analysis_at, series

TEMPERATURES = (600.0, 700.0, 850.0, 1000.0, 1200.0)


def test_the_planted_energies_come_out():
    content = json.loads(json.dumps(join_temperatures(series(TEMPERATURES, seed=1)).as_dict(), allow_nan=False))
    assert content["schema"] == "aiida-concerted/arrhenius/1"
    assert content["temperatures_K"] == list(TEMPERATURES)
    fit = content["diffusivity"]
    energy = fit["activation_energy_eV"]
    assert abs(energy["value"] - DIFFUSION_EV) < 3 * energy["stderr"] < 0.03
    exact = DIFFUSION_PREFACTOR * np.exp(-DIFFUSION_EV / (BOLTZMANN_EV_PER_K * 300.0))
    assert fit["extrapolated_300K_m2_s"]["lower"] < exact < fit["extrapolated_300K_m2_s"]["upper"]
    assert fit["bend"] == "arrhenius"
    assert np.shape(fit["covariance"]) == (2, 2)
    unit = conductivity_S_m(1.0, 1.0, 360, 20000.0, 300.0)
    assert fit["conductivity_300K_S_m"]["value"] == pytest.approx(fit["extrapolated_300K_m2_s"]["value"] * unit)
    charge = content["charge_diffusivity"]
    assert charge["prefactor_m2_s"]["value"] > fit["prefactor_m2_s"]["value"]
    modes = {mode["label"]: mode for mode in content["modes"]}
    for label, planted in MODES_EV.items():
        found = modes[label]["activation_energy_eV"]
        assert found["lower"] - 0.02 < planted < found["upper"] + 0.02
        assert modes[label]["method"] == "joint-poisson"
        assert modes[label]["attempt_frequency_s"]["value"] > 0


def test_the_order_of_files_does_not_matter():
    files = series(TEMPERATURES, seed=2)
    turned = dict(reversed(files.items()))
    assert join_temperatures(files).as_dict() == join_temperatures(turned).as_dict()


def test_a_class_that_a_temperature_does_not_list_counts_as_zero_there():
    files = series(TEMPERATURES, seed=3)
    listed, unlisted = copy.deepcopy(files), copy.deepcopy(files)
    for mode in listed["T600"]["modes"]:
        if mode["label"] == "A-B-A":
            mode |= {"raw": 0, "side_count": 0}
            mode.pop("dispersion", None)
    unlisted["T600"]["modes"] = [mode for mode in unlisted["T600"]["modes"] if mode["label"] != "A-B-A"]
    expected, found = (
        {mode["label"]: mode for mode in join_temperatures(runs).as_dict()["modes"]} for runs in (listed, unlisted)
    )
    assert found["A-B-A"] == expected["A-B-A"]
    assert found["A-B-A"]["temperatures_K"] == list(TEMPERATURES)
    # Leaving the temperature out instead would lower the energy.
    assert found["A-B-A"]["activation_energy_eV"]["value"] > MODES_EV["A-B-A"]


def test_modes_without_events_say_why_there_is_no_energy():
    files = series(TEMPERATURES, seed=4)
    for run in files.values():
        rare = {**run["modes"][0], "label": "B-A-B", "raw": 0, "side_count": 0, "named": False}
        run["modes"].append(rare)
    mode = next(mode for mode in join_temperatures(files).as_dict()["modes"] if mode["label"] == "B-A-B")
    assert mode["n_events"] == 0
    assert mode["reason"]
    assert "activation_energy_eV" not in mode


def test_runs_too_short_for_a_background_give_no_energy():
    files = series((600.0, 800.0), seed=5)
    for mode in files["T600"]["modes"]:
        del mode["side_ratio"], mode["side_count"]
    for mode in join_temperatures(files).as_dict()["modes"]:
        assert "long enough" in mode["reason"]
        assert mode["n_events"] > 0


def test_named_modes_come_first():
    labels = [mode.label for mode in join_temperatures(series((600.0, 800.0), seed=6)).modes]
    assert labels == ["A-C-A", "A-B-A"]


def test_a_zero_diffusivity_is_left_out_and_named():
    files = series(TEMPERATURES, seed=7)
    files["T600"]["diffusivity"]["tracer_m2_s"]["value"] = 0.0
    fit = join_temperatures(files).as_dict()["diffusivity"]
    assert fit["excluded_temperatures_K"] == [600.0]
    assert [point["temperature_K"] for point in fit["points"]] == list(TEMPERATURES[1:])


def test_diffusivities_that_allow_no_fit_are_absent_with_a_warning():
    files = series((600.0, 800.0), seed=8)
    del files["T600"]["diffusivity"]["charge_m2_s"]
    files["T600"]["diffusivity"]["sampling"] = "insufficient"
    content = join_temperatures(files).as_dict()
    assert "charge_diffusivity" not in content
    assert any("charge diffusivity: positive at 1 of 2" in warning for warning in content["warnings"])
    assert any("insufficient at 600 K" in warning for warning in content["warnings"])
    assert content["diffusivity"]["bend"] == "not assessed"


def test_points_that_bend_are_said():
    files = series(TEMPERATURES, seed=9)
    for run, factor in zip(files.values(), (0.05, 0.3, 0.9, 1.0, 1.0), strict=True):
        run["diffusivity"]["tracer_m2_s"] = {
            key: number * factor for key, number in run["diffusivity"]["tracer_m2_s"].items()
        }
    content = join_temperatures(files).as_dict()
    assert content["diffusivity"]["bend"] in ("vogel-fulcher-tammann", "two-pieces")
    assert any("bend" in warning for warning in content["warnings"])


def test_sites_found_anew_in_each_run_are_no_common_ground():
    files = series((600.0, 800.0), seed=14)
    files["T800"]["auto_sites"] = {"labelled_by": "symmetry"}
    assert join_temperatures(files).warnings == join_temperatures(series((600.0, 800.0), seed=14)).warnings
    files["T600"]["auto_sites"] = {"labelled_by": "symmetry"}
    assert any("found in each run anew" in warning for warning in join_temperatures(files).warnings)


def test_sites_of_one_label_must_be_at_one_place():
    files = series((600.0, 800.0), seed=14)
    sites = {"A": [[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]], "B": [[0.0, 0.5, 0.99]]}
    for run in files.values():
        run["site_model"] |= {"sites": copy.deepcopy(sites), "cell_A": np.diag([10.0, 10.0, 12.0]).tolist()}
    files["T800"]["site_model"]["sites"] |= {"B": [[0.02, 0.5, 0.01]], "A": sites["A"][::-1]}
    join_temperatures(files)
    files["T800"]["site_model"]["sites"]["A"][0] = [0.6, 0.7, 0.65]
    with pytest.raises(ValueError, match=r"place of the sites A.*--save-sites"):
        join_temperatures(files)


def test_a_mode_without_its_counts_is_refused():
    files = series((600.0, 800.0), seed=14)
    del files["T800"]["modes"][0]["label"]
    with pytest.raises(ValueError, match="T800 has a mode in 'modes' without label"):
        join_temperatures(files)


def test_without_sites_only_diffusivities_are_fitted():
    files = series((600.0, 800.0), seed=10)
    for run in files.values():
        del run["modes"], run["site_model"], run["mode_definition"]
    content = join_temperatures(files).as_dict()
    assert content["modes"] == []
    assert "site_model" not in content


def changed(path: str, value: object):
    def change(run):
        *keys, last = path.split("/")
        for key in keys:
            run = run[key]
        if value is None:
            del run[last]
        else:
            run[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed("schema", "aiida-concerted/arrhenius/1"), "its schema is 'aiida-concerted/arrhenius/1'"),
        (changed("schema", None), "it has no schema"),
        (changed("input/temperature_K", None), "T800 has no temperature"),
        (changed("input/temperature_K", True), "T800 has no temperature"),
        (changed("input/n_carriers", None), "T800 lacks facts"),
        (changed("input/temperature_K", 600.1), "T600 and T800 are both of 600 K"),
        (changed("input/carrier", "Na"), "differ in the carrier: Li and Na"),
        (changed("input/composition", {"Li": 360, "P": 36}), "differ in the composition"),
        (changed("site_model/max_edge_A", 3.0), "differ in the site model: toy (4 A, 2 B, 2 C; edges up to 3.8 Å)"),
        (changed("site_model", None), "differ in the site model"),
        (changed("mode_definition/window_ps", 2.0), "differ in the definition of an event: window_ps 1.0"),
        (changed("frame", "laboratory"), "differ in the frame of reference: framework and laboratory"),
    ],
)
def test_analyses_that_do_not_belong_together_are_refused(change, said):
    files = series((600.0, 800.0), seed=11)
    change(files["T800"])
    with pytest.raises(ValueError, match="T800") as error:
        join_temperatures(files)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [[1, 2], "text", None])
def test_other_json_is_refused(content):
    with pytest.raises(ValueError, match="x is not the result of an analysis"):
        join_temperatures({"x": content, "y": analysis_at(600.0, np.random.default_rng(0))})


def test_one_temperature_is_too_few():
    with pytest.raises(ValueError, match="two temperatures or more, got 1"):
        join_temperatures(series((600.0,), seed=0))


def test_supercells_of_different_size_belong_together():
    files = series((600.0, 800.0), seed=12)
    files["T800"]["input"]["composition"] = {name: 2 * n for name, n in files["T800"]["input"]["composition"].items()}
    assert join_temperatures(files).temperatures_K == [600.0, 800.0]

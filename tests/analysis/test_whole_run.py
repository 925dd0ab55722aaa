"""The whole analysis of a run: planted truths in the JSON form, what is left out, what is refused."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.whole_run import (
    PARTS,
    AnalysisSettings,
    after,
    analyse_run,
)
from aiida_concerted.common.positions import RelativePositions
from tests.analysis.test_site_analysis import LGPS, lattice_gas, trajectory
from tests.synthetic import as_trajectory, random_walkers

SITES = lattice_gas(0, 3000)
RUN = trajectory(SITES)


@pytest.fixture(scope="module")
def analysis():
    return analyse_run(RUN, LGPS, AnalysisSettings(recrossing_ps=0.2))


@pytest.fixture(scope="module")
def content(analysis):
    return json.loads(json.dumps(analysis.as_dict(), allow_nan=False))


def test_the_sections_are_those_that_were_promised(content):
    assert content["schema"] == "aiida-concerted/analysis/1"
    assert content["confidence_level"] == 0.95
    promised = {
        "frame", "origin_shift", "input", "diffusivity", "msd", "sites", "hops", "exchanges", "chains", "modes", "rdf",
        "van_hove",
    }  # fmt: skip
    assert promised <= set(content)
    of_input = {
        "n_frames", "n_carriers", "n_atoms", "frame_interval_ps", "carrier", "temperature_K", "volume_A3", "supercell",
    }  # fmt: skip
    assert of_input <= set(content["input"])
    of_diffusivity = {
        "tracer_m2_s", "tensor_m2_s", "components_m2_s", "charge_m2_s", "haven_ratio", "conductivity_S_m",
        "fit_window_ps", "n_independent", "sampling", "method",
    }  # fmt: skip
    assert of_diffusivity <= set(content["diffusivity"])
    assert set(content["rdf"]) == {"Li-Li", "Li-P", "Li-Ge", "Li-S"}
    assert {"r_A", "lag_ps", "self", "distinct"} <= set(content["van_hove"])


def test_the_results_are_those_that_were_planted(content):
    assert content["input"]["supercell"] == [1, 1, 2]
    assert content["input"]["composition"] == {"Li": 30, "P": 8, "Ge": 4, "S": 48}
    labels = np.array(place_network(LGPS, RUN.cell).labels)
    planted = Counter(labels[SITES].ravel().tolist())
    for label, share in content["sites"]["share"].items():
        assert share == pytest.approx(planted[label] / SITES.size, abs=0.005)
    assert content["hops"]["counted"] == pytest.approx(np.count_nonzero(np.diff(SITES, axis=0)), rel=0.05)
    # The drift of the framework, 0.01 Å ps⁻¹ and more, is in none of the displacements.
    lag, msd = (np.array(content["msd"][key]) for key in ("lag_ps", "tracer_A2"))
    slope = np.polyfit(lag[(lag > 10) & (lag < 50)], msd[(lag > 10) & (lag < 50)], 1)[0] / 6.0 * 1e-8
    assert content["diffusivity"]["tracer_m2_s"]["value"] == pytest.approx(slope, rel=0.2)
    assert content["recrossing"]["hops"][0] == content["hops"]["raw"]
    dwell = content["recrossing"]["dwell_ps"]
    assert content["recrossing"]["hops"][dwell.index(0.2)] == content["hops"]["counted"]


def test_the_density_holds_the_carriers_of_one_site_cell(analysis):
    assert analysis.density is not None
    assert analysis.density.n_carriers == pytest.approx(15.0)
    assert np.allclose(analysis.density.cell, LGPS.cell)
    # The origin of the density is that of the site model: where Li4 is dense, S is not.
    fractional = LGPS.fractional[np.array(LGPS.labels) == "Li4"]
    shape = np.array(analysis.density.density.shape)
    near = analysis.density.density[tuple((np.round(fractional * shape).astype(int) % shape).T)]
    assert near.mean() > 5 * analysis.density.density.mean()


def test_positions_on_a_disk_give_the_same(content):
    lazy = replace(RUN, carriers=RelativePositions(RUN.carriers))
    again = analyse_run(lazy, LGPS, AnalysisSettings(recrossing_ps=0.2)).as_dict()
    assert json.loads(json.dumps(again)) == content


def test_without_sites_there_is_transport_and_structure_only():
    walk = as_trajectory(random_walkers(2000, 30, 0.05, 0.1, seed=2), 0.1)
    content = analyse_run(walk, None).as_dict()
    assert not {"sites", "hops", "modes", "exchanges", "chains", "recrossing", "origin_shift", "site_model"} & set(
        content
    )
    tracer = content["diffusivity"]["tracer_m2_s"]
    assert abs(tracer["value"] - 0.05e-8) < 4 * tracer["stderr"]


@pytest.mark.parametrize("part", PARTS)
def test_what_is_skipped_is_not_there(part):
    keys = {
        "transport": {"diffusivity", "msd"},
        "sites": {"sites", "hops", "modes"},
        "rdf": {"rdf"},
        "van_hove": {"van_hove"},
        "density": set(),
        "recrossing": {"recrossing"},
    }
    short = trajectory(SITES[:300])
    stages: list[str] = []
    analysis = analyse_run(
        short, LGPS, AnalysisSettings(skip=frozenset({part})), progress=lambda stage, fraction: stages.append(stage)
    )
    assert analysis.skipped == (part,)
    assert not keys[part] & set(analysis.as_dict())
    absent = {"transport": analysis.transport, "sites": analysis.sites, "density": analysis.density}
    assert absent.get(part) is None
    assert len(set(stages)) == len(PARTS) - (2 if part == "sites" else 1)


def test_the_discarded_beginning_has_no_say():
    first = RUN.carriers.copy()
    first[:200] += 0.5 * np.random.default_rng(1).normal(size=first[:200].shape)
    framework = RUN.framework.copy()
    settings = AnalysisSettings(discard_ps=20.0)
    clean, noisy = (
        analyse_run(run, LGPS, settings).as_dict() for run in (RUN, replace(RUN, carriers=first, framework=framework))
    )
    for key in ("diffusivity", "msd", "rdf", "van_hove", "recrossing"):
        assert clean[key] == noisy[key]
    assert clean["settings"]["discard_ps"] == 20.0


def test_a_discarded_beginning_ends_where_the_framework_is_stored():
    rest = after(RUN, 0.55)
    assert RUN.framework_stride == 10
    assert rest.n_frames == RUN.n_frames - 10
    assert np.array_equal(np.asarray(rest.framework[0]), RUN.framework[1])
    assert np.array_equal(np.asarray(rest.carriers[0]), RUN.carriers[10])
    assert after(RUN, 0.0) is RUN
    with pytest.raises(ValueError, match="discard_ps must leave two frames"):
        after(RUN, 1e6)


def test_a_laboratory_frame_and_an_unknown_temperature_are_said():
    walk = replace(
        as_trajectory(random_walkers(300, 10, 0.05, 0.1, seed=3), 0.1, temperature_K=None), framework_displacement=None
    )
    content = analyse_run(walk, None).as_dict()
    assert content["frame"] == "laboratory"
    assert any("no framework" in warning for warning in content["warnings"])
    assert any("temperature is not known" in warning for warning in content["warnings"])
    assert "conductivity_S_m" not in content["diffusivity"]
    assert "temperature_K" not in content["input"]


def test_a_run_of_few_frames_has_no_diffusivity_and_says_so():
    content = analyse_run(trajectory(SITES[:8]), LGPS).as_dict()
    assert "diffusivity" not in content
    assert any("too few" in warning for warning in content["warnings"])
    assert content["sites"]["counts"]["Li1"] == 32


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"skip": frozenset({"vanhove"})}, "did you mean 'van_hove'"),
        ({"charge": 0.0}, "charge must not be zero"),
        ({"charge": math.nan}, "charge must be a finite number"),
        ({"window_ps": math.inf}, "window_ps must be a finite number"),
    ],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        AnalysisSettings(**settings)


def test_a_longer_window_pushes_the_background_out():
    assert AnalysisSettings().side_window_ps == (2.0, 10.0)
    assert AnalysisSettings(window_ps=3.0).side_window_ps == (6.0, 30.0)
    assert AnalysisSettings(window_ps=0.5).side_window_ps == (2.0, 10.0)
    assert AnalysisSettings(background_ps=(1.0, 4.0)).side_window_ps == (1.0, 4.0)

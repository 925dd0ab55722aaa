"""Runs of one temperature are taken together: by their lengths, or by adding up what was counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.analysis.counts import excess_interval
from aiida_concerted.analysis.residence import Residence
from aiida_concerted.common.units import PS_IN_S
from aiida_concerted.report.claims_evidence import anisotropy, dominance, residence, rising_share
from aiida_concerted.report.comparison import compare_numbers
from aiida_concerted.report.content import Result
from aiida_concerted.report.points import all_points_of, points_of
from aiida_concerted.report.published import Published

LGPS = Published.of("LGPS")


def transport(uuid, T, value, error, *, ps=100.0, share=(0.5, 0.1), departure=0.5):
    attributes = {
        "temperature_K": T, "duration_ps": ps, "diffusivity_m2_s": value, "diffusivity_stderr_m2_s": error,
        "ab_share": share[0], "framework_departure_A": departure, "n_hops": 50, "sampling": "sufficient",
    }  # fmt: skip
    return Result(uuid, attributes, {"ab_share": {"value": share[0], "stderr": share[1]}})


def modes(uuid, T, raw, count, half, *, exposure=400.0, chains=None):
    scale = 1.0 / (exposure * PS_IN_S)
    entry = {
        "label": "A-B-A", "named": True, "raw": raw, "count": count, "lower": count - half, "upper": count + 2 * half,
        "exposure_cell_ps": exposure, "frequency_per_cell_s": {"value": scale * count},
    }  # fmt: skip
    content = {"modes": [entry], "chains": chains or {}}
    return Result(uuid, {"temperature_K": T, "modes": {"A-B-A": scale * count}, "window_ps": 1.0}, content)


def sites(uuid, T, held, n_hops, *, ps=None, stays=None):
    attributes = {
        "temperature_K": T, "occupancy": {"A": held}, "occupancy_stderr": {"A": 0.03}, "n_hops": n_hops,
        "residence_time_ps": {"A": 3.0}, "duration_ps": ps,
    }  # fmt: skip
    return Result(uuid, attributes, {"sites": {"residence_time_ps": {"A": stays or {}}}})


def test_longer_runs_count_for_more():
    runs = [transport("a", 600, 2.0, 0.2, ps=50), transport("b", 600, 3.0, 0.4, ps=150), transport("c", 500, 1.0, 0.1)]
    cold, hot = points_of(runs)
    assert cold is runs[2]
    assert hot.uuids == ("a", "b")
    assert hot["diffusivity_m2_s"] == pytest.approx(2.75)
    assert hot["diffusivity_stderr_m2_s"] == pytest.approx(np.hypot(0.25 * 0.2, 0.75 * 0.4))
    assert hot.content["ab_share"] == pytest.approx({"value": 0.5, "stderr": 0.1 * np.hypot(0.25, 0.75)})
    assert (hot["duration_ps"], hot["n_hops"]) == (200.0, 100)


def test_a_run_that_left_its_crystal_is_left_out():
    runs = [transport("a", 600, 2.0, 0.2), transport("b", 600, 9.0, 0.2, departure=3.0)]
    assert points_of(runs) == all_points_of(runs) == runs[:1]
    assert points_of(runs[1:]) == []
    assert all_points_of(runs[1:]) == runs[1:]


def with_charge(run, value, error):
    charge = {"charge_diffusivity_m2_s": value, "charge_diffusivity_stderr_m2_s": error}
    return replace(run, attributes={**run.attributes, **charge})


def test_a_haven_ratio_is_that_of_the_means():
    runs = [with_charge(transport("a", 600, 2.0, 0.1), 1.0, 0.2), with_charge(transport("b", 600, 2.0, 0.1), 3.0, 0.2)]
    (point,) = points_of(runs)
    assert point["haven_ratio"] == pytest.approx(1.0)  # the mean of the ratios is 4/3
    relative = np.hypot(0.1 / np.sqrt(2) / 2.0, 0.2 / np.sqrt(2) / 2.0)
    assert point["haven_ratio_stderr"] == pytest.approx(relative)
    (point,) = points_of([with_charge(run, 1.0, 0.9) for run in runs])
    assert point.get("haven_ratio") is None  # nobody knows whether the charge diffuses


def test_one_insufficient_run_makes_its_point_so():
    runs = [transport("a", 600, 2.0, 0.2), transport("b", 600, 2.0, 0.2)]
    assert points_of(runs)[0]["sampling"] == "sufficient"
    poor = replace(runs[1], attributes={**runs[1].attributes, "sampling": "insufficient"})
    assert points_of([runs[0], poor])[0]["sampling"] == "insufficient"


def test_what_one_run_does_not_know_none_does():
    runs = [transport("a", 600, 2.0, 0.2), transport("b", 600, 2.0, 0.2)]
    (point,) = points_of([runs[0], replace(runs[1], content={})])
    assert point.get("ab_share") is None
    assert point["diffusivity_m2_s"] == 2.0


def test_pairs_of_hops_add_up_and_their_intervals_do_in_quadrature():
    (point,) = points_of(
        [modes("a", 600, 10, 6.0, 3.0, chains={"2": 3}), modes("b", 600, 7, 2.0, 4.0, chains={"2": 1, "3": 1})]
    )
    (entry,) = point.content["modes"]
    assert (entry["raw"], entry["count"], entry["exposure_cell_ps"]) == (17, 8.0, 800.0)
    assert (entry["lower"], entry["upper"]) == (8.0 - 5.0, 8.0 + 10.0)
    assert entry["frequency_per_cell_s"]["value"] == pytest.approx(8.0 / (800.0 * PS_IN_S))
    assert point.content["chains"] == {"2": 4, "3": 1}
    assert point["n_events"] == {"A-B-A": 17}


def test_a_run_too_short_for_a_background_takes_none_from_the_others():
    short = modes("b", 600, 7, 2.0, 4.0)
    (entry,) = short.content["modes"]
    bare = {key: entry[key] for key in ("label", "named", "raw", "exposure_cell_ps")}
    (point,) = points_of([modes("a", 600, 10, 6.0, 3.0), replace(short, content={"modes": [bare]})])
    (entry,) = point.content["modes"]
    assert (entry["raw"], entry["count"], entry["exposure_cell_ps"]) == (17, 6.0, 400.0)
    assert entry["raw_with_background"] == 10


def test_sums_of_poisson_counts_have_the_cover_of_their_interval():
    rng, rate, covered = np.random.default_rng(5), 12.0, 0
    for _ in range(2000):
        runs = []
        for name in "ab":
            raw, side = rng.poisson(rate + 4.0), rng.poisson(4.0 * 4.0)
            found = excess_interval(int(raw), int(side), 4.0).as_dict()
            entry = {"label": "A-B-A", "raw": int(raw), "count": found.pop("value"), **found, "exposure_cell_ps": 1.0}
            runs.append(Result(name, {"temperature_K": 600.0, "modes": {"A-B-A": 1.0}}, {"modes": [entry]}))
        (entry,) = points_of(runs)[0].content["modes"]
        covered += entry["lower"] <= 2 * rate <= entry["upper"]
    assert 0.94 <= covered / 2000 <= 0.99


def test_hops_are_those_of_the_same_runs(content):
    """Strings of one seed over the hops of another would be no share."""
    kinds = {
        "modes": (
            modes("m1", 600.0, 40, 40.0, 1.0, chains={"2": 40}),
            modes("m2", 600.0, 10, 10.0, 1.0, chains={"2": 10}),
        ),
        "site_statistics": (sites("s1", 600.0, 0.9, 100), sites("s2", 600.0, 0.8, 25)),
    }
    found = dominance(replace(content, **kinds), LGPS)
    assert "80% at 600 K" in found.numbers  # 2 × 50 of 125
    assert set(found.uuids) == {"m1", "m2", "s1", "s2"}
    (held,) = points_of(kinds["site_statistics"])
    assert held["occupancy"] == pytest.approx({"A": 0.85})
    assert held["occupancy_stderr"] == pytest.approx({"A": 0.03 / np.sqrt(2)})


def test_occupancies_are_weighted_by_the_lengths_where_all_are_known():
    runs = [sites("a", 600, 0.9, 1, ps=50.0), sites("b", 600, 0.8, 1, ps=150.0)]
    assert points_of(runs)[0]["occupancy"]["A"] == pytest.approx(0.825)
    assert points_of(runs)[0]["duration_ps"] == 200.0
    unknown = replace(runs[1], attributes={**runs[1].attributes, "duration_ps": None})
    (point,) = points_of([runs[0], unknown])
    assert point["occupancy"]["A"] == pytest.approx(0.85)
    assert point.get("duration_ps") is None


def test_stays_of_several_runs_are_those_of_one_long_run():
    one = Residence(exposure_ps=300.0, n_exits=30, n_censored=4)
    parts = (Residence(120.0, 10, 1), Residence(180.0, 20, 3))
    runs = [sites(name, 600, 0.9, 1, stays=part.as_dict()) for name, part in zip("ab", parts, strict=True)]
    (point,) = points_of(runs)
    assert point.content["sites"]["residence_time_ps"]["A"] == pytest.approx(one.as_dict())
    still = Residence(50.0, 0, 2)  # nobody left: its time counts, too
    (point,) = points_of([runs[0], sites("c", 600, 0.9, 1, stays=still.as_dict())])
    both = Residence(170.0, 10, 3)
    assert point.content["sites"]["residence_time_ps"]["A"] == pytest.approx(both.as_dict())
    (point,) = points_of([sites(name, 600, 0.9, 1, stays=still.as_dict()) for name in "ab"])
    assert point["residence_time_ps"] == {}
    assert point.content["sites"]["residence_time_ps"]["A"] == pytest.approx(Residence(100.0, 0, 4).as_dict())


def test_two_seeds_are_no_two_temperatures(content):
    def stays(uuid, T, time):
        return sites(uuid, T, 0.9, 1, stays=Residence(100.0 * time, 100, 0).as_dict())

    one = (stays("a", 600.0, 3.0), stays("b", 600.0, 2.0))
    assert residence(replace(content, site_statistics=one), LGPS).verdict == "cannot be said"
    two = (*one, stays("c", 900.0, 1.0), stays("d", 900.0, 1.1))
    found = residence(replace(content, site_statistics=two), LGPS)
    assert found.verdict == "cannot be said"  # a line goes through any two points
    assert "eV" in found.numbers


def test_claims_and_comparisons_are_made_with_all_seeds(content):
    runs = tuple(
        transport(f"{T}{seed}", T, T * 1e-12, 1e-11, share=(T / 2000 + shift, 0.01))
        for T in (500.0, 700.0, 900.0) for seed, shift in (("a", 0.2), ("b", -0.2))
    )  # fmt: skip
    study = replace(content, diffusivities=runs, level_of_theory="PBE")
    assert "0.250 ± 0.007 at 500 K and 0.450 ± 0.007 at 900 K" in anisotropy(study, LGPS).numbers
    rising = rising_share(study, LGPS)
    assert rising.verdict == "agrees"
    assert rising.numbers.count(" K") == 3
    (item,) = [
        item for item in compare_numbers(study, LGPS)
        if item.published.quantity == "tracer_diffusivity" and item.published.temperature_K == 500.0
    ]  # fmt: skip
    assert "2 runs at 500 K" in item.reason
    assert item.own.uuids == ("500.0a", "500.0b")

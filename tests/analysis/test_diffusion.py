"""Diffusivities, Haven ratios and above all their errors, on runs whose truth is known."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import pytest

from aiida_concerted.analysis.diffusion import (
    SUFFICIENT_HOPS,
    TransportResult,
    estimate_diffusivity,
    relative_error_of_hops,
    thinned_lags,
)
from aiida_concerted.common.units import conductivity_S_m
from tests.synthetic import as_trajectory, hopping_walkers, random_walkers, rigid_groups, vibration

INTERVAL_PS = 0.1
DIFFUSIVITY_A2_PS = 0.2
DIFFUSIVITY_M2_S = DIFFUSIVITY_A2_PS * 1e-8
N_QUICK, N_MANY = 40, 200
MANY = pytest.param(N_MANY, marks=pytest.mark.slow)
N_FRAMES = 400


def make_run(kind: str, seed: int, n_frames: int = N_FRAMES, n_walkers: int = 48):
    if kind == "independent":
        return random_walkers(n_frames, n_walkers, DIFFUSIVITY_A2_PS, INTERVAL_PS, seed)
    if kind == "vibrating":
        return make_run("independent", seed, n_frames, n_walkers) + vibration(n_frames, n_walkers, 0.3, seed + 10**6)
    return rigid_groups(n_frames, n_walkers, int(kind[-1]), DIFFUSIVITY_A2_PS, INTERVAL_PS, seed)


@cache
def study(kind: str, n_runs: int = N_QUICK) -> list[TransportResult]:
    return [estimate_diffusivity(as_trajectory(make_run(kind, seed), INTERVAL_PS)) for seed in range(n_runs)]


def margin(share: float, n_runs: int, least: float = 0.08) -> float:
    """Return how far a share of runs may be off: three binomial deviations where runs are few."""
    return max(least, 3.0 * np.sqrt(share * (1.0 - share) / n_runs))


def coverage(estimates, truth) -> float:
    return float(np.mean([abs(estimate.value - truth) <= estimate.stderr for estimate in estimates]))


# With 200 runs the fraction of a 68 % interval scatters by 3.3 %: the bounds are two and a half of these about it.
@pytest.mark.parametrize("n_runs", [N_QUICK, MANY])
@pytest.mark.parametrize("kind", ["independent", "vibrating", "groups of 2", "groups of 4"])
def test_one_standard_error_covers_two_thirds_of_runs(kind, n_runs):
    tracers = [result.tracer for result in study(kind, n_runs)]
    assert coverage(tracers, DIFFUSIVITY_M2_S) == pytest.approx(0.68, abs=margin(0.68, n_runs))
    scores = [(tracer.value - DIFFUSIVITY_M2_S) / tracer.stderr for tracer in tracers]
    assert abs(np.mean(scores)) < max(0.25, 3.0 / np.sqrt(n_runs))


@pytest.mark.parametrize("n_runs", [N_QUICK, MANY])
@pytest.mark.parametrize("kind", ["independent", "groups of 4"])
def test_components_and_their_share_are_covered_too(kind, n_runs):
    results = study(kind, n_runs)
    components = [estimate for result in results for estimate in result.components.values()]
    assert coverage(components, DIFFUSIVITY_M2_S) == pytest.approx(0.68, abs=margin(0.68, n_runs))
    shares = [result.ab_share for result in results]
    assert coverage(shares, 2 / 3) == pytest.approx(0.70, abs=margin(0.70, n_runs, least=0.12))


@pytest.mark.parametrize("n_runs", [N_QUICK, MANY])
@pytest.mark.parametrize(
    ("kind", "group"), [("independent", 1), ("vibrating", 1), ("groups of 2", 2), ("groups of 4", 4)]
)
def test_haven_ratio_is_one_over_the_size_of_rigid_groups(kind, group, n_runs):
    ratios = [result.haven_ratio for result in study(kind, n_runs)]
    scatter = np.std(np.log([ratio.value for ratio in ratios]))
    # The median of n runs scatters by 1.25 deviations over the root of n.
    closeness = max(0.05, 3 * 1.25 * scatter / np.sqrt(n_runs))
    assert np.median([ratio.value for ratio in ratios]) == pytest.approx(1 / group, rel=closeness)
    covered = [ratio.lower <= 1 / group and (ratio.upper is None or 1 / group <= ratio.upper) for ratio in ratios]
    assert np.mean(covered) >= 0.95 - margin(0.95, n_runs, least=0.04)
    stated = np.median([ratio.stderr / ratio.value for ratio in ratios])
    # The scatter itself is known to one part in the root of 2n.
    slack = max(0.0, 3 / np.sqrt(2 * n_runs) - 0.2)
    assert (0.8 - slack) * scatter < stated < (1.4 + slack) * scatter


def test_collective_factor_is_the_size_of_the_groups():
    assert np.mean([result.collective_factor for result in study("groups of 4")]) == pytest.approx(4, rel=0.15)
    assert np.mean([result.collective_factor for result in study("independent")]) < 1.3


@pytest.mark.parametrize("n_runs", [N_QUICK, MANY])
def test_charge_diffusivity_of_groups_is_larger_by_their_size(n_runs):
    charges = [result.charge_diffusivity for result in study("groups of 4", n_runs)]
    values = np.array([charge.value for charge in charges])
    closeness = max(0.05, 3 * values.std() / values.mean() / np.sqrt(n_runs))
    assert values.mean() == pytest.approx(4 * DIFFUSIVITY_M2_S, rel=closeness)
    assert coverage(charges, 4 * DIFFUSIVITY_M2_S) == pytest.approx(0.725, abs=margin(0.725, n_runs, least=0.125))


@pytest.mark.slow
@pytest.mark.parametrize("n_frames", [200, 1500])
@pytest.mark.parametrize("kind", ["independent", "groups of 4"])
def test_coverage_at_every_length(kind, n_frames):
    runs = (make_run(kind, seed, n_frames, 24) for seed in range(400))
    results = [estimate_diffusivity(as_trajectory(run, INTERVAL_PS)) for run in runs]
    assert 0.61 <= coverage([result.tracer for result in results], DIFFUSIVITY_M2_S) <= 0.75


def test_hops_give_their_rate_times_the_square_of_their_length():
    rate, length = 0.05, 3.0
    expected = rate * length**2 / 6 * 1e-8
    runs = (hopping_walkers(1000, 40, rate, length, 0.3, INTERVAL_PS, seed) for seed in range(60))
    tracers = [estimate_diffusivity(as_trajectory(run, INTERVAL_PS)).tracer for run in runs]
    assert np.mean([tracer.value for tracer in tracers]) == pytest.approx(expected, rel=0.05)
    # About 200 hops: the error must be that of counting them, near 7 %, though frames are many.
    assert 0.05 < np.median([tracer.stderr for tracer in tracers]) / expected < 0.12
    assert coverage(tracers, expected) > 0.5


def test_vibrations_do_not_enter_the_diffusivity():
    walk = make_run("independent", 1)
    still = estimate_diffusivity(as_trajectory(walk, INTERVAL_PS)).tracer
    shaken = estimate_diffusivity(as_trajectory(walk + vibration(*walk.shape[:2], 0.5, 2), INTERVAL_PS)).tracer
    assert abs(shaken.value - still.value) < 3 * np.hypot(still.stderr, shaken.stderr)


def test_memory_of_the_walk_moves_the_window_beyond_it():
    # Each step is half undone by the next: lag 1 overestimates the diffusivity by 1/0.25.
    steps = np.random.default_rng(3).normal(size=(4000, 60, 3))
    steps[1:] -= 0.5 * steps[:-1]
    result = estimate_diffusivity(as_trajectory(np.cumsum(steps, axis=0), INTERVAL_PS))
    expected = 0.5 * 0.25 / INTERVAL_PS * 1e-8
    assert abs(result.tracer.value - expected) < 3 * result.tracer.stderr
    assert result.tracer.value == pytest.approx(expected, rel=0.1)


def test_anisotropy_is_found():
    walk = random_walkers(1000, 60, np.array([0.1, 0.1, 0.4]), INTERVAL_PS, seed=5)
    result = estimate_diffusivity(as_trajectory(walk, INTERVAL_PS))
    for axis, expected in zip("xyz", (0.1e-8, 0.1e-8, 0.4e-8), strict=True):
        assert abs(result.components[axis].value - expected) < 4 * result.components[axis].stderr
    assert result.ab_share.value == pytest.approx(1 / 3, abs=4 * result.ab_share.stderr)
    np.testing.assert_allclose(np.trace(result.tensor) / 3, result.tracer.value)
    np.testing.assert_allclose(result.tensor, result.tensor.T)


def test_drift_of_the_whole_crystal_changes_nothing():
    walk = make_run("independent", 6)
    drift = np.cumsum(np.random.default_rng(7).normal(size=(N_FRAMES, 3)), axis=0)
    resting = as_trajectory(walk, INTERVAL_PS)
    moving = dataclasses.replace(resting, carriers=walk + drift[:, None, :], framework_displacement=drift)
    reference, result = estimate_diffusivity(resting), estimate_diffusivity(moving)
    assert result.tracer.value == pytest.approx(reference.tracer.value, rel=1e-9)
    assert result.charge_diffusivity.value == pytest.approx(reference.charge_diffusivity.value, rel=1e-9)
    assert result.frame == "framework"


def test_translation_and_order_of_carriers_do_not_matter():
    walk = make_run("independent", 8)
    reference = estimate_diffusivity(as_trajectory(walk, INTERVAL_PS))
    other = estimate_diffusivity(as_trajectory(walk[:, ::-1] + 500.0, INTERVAL_PS))
    assert other.tracer.value == pytest.approx(reference.tracer.value, rel=1e-9)
    assert other.haven_ratio.value == pytest.approx(reference.haven_ratio.value, rel=1e-9)


def test_same_seed_gives_the_same_numbers():
    trajectory = as_trajectory(make_run("groups of 2", 9), INTERVAL_PS)
    assert estimate_diffusivity(trajectory, seed=3).as_dict() == estimate_diffusivity(trajectory, seed=3).as_dict()


def test_without_framework_the_frame_is_the_laboratory():
    trajectory = dataclasses.replace(
        as_trajectory(make_run("independent", 1), INTERVAL_PS), framework_displacement=None
    )
    assert estimate_diffusivity(trajectory).frame == "laboratory"


def test_conductivities_are_those_of_the_diffusivities():
    result = estimate_diffusivity(as_trajectory(make_run("groups of 4", 2), INTERVAL_PS), charge=2.0)
    unit = conductivity_S_m(1.0, 2.0, 48, 8000.0, 600.0)
    assert result.nernst_einstein.value == pytest.approx(unit * result.tracer.value)
    assert result.collective.value == pytest.approx(unit * result.charge_diffusivity.value)
    assert result.collective.stderr == pytest.approx(unit * result.charge_diffusivity.stderr)


def test_without_temperature_there_is_no_conductivity():
    result = estimate_diffusivity(as_trajectory(make_run("independent", 2), INTERVAL_PS, temperature_K=None))
    assert result.nernst_einstein is None
    assert "conductivity_S_m" not in result.as_dict()["diffusivity"]


def test_carriers_that_only_vibrate_have_a_finite_diffusivity_and_an_error():
    results = [estimate_diffusivity(as_trajectory(vibration(300, 80, 0.3, seed), INTERVAL_PS)) for seed in range(20)]
    one_hop = 9.0 / (6 * 80 * 29.9) * 1e-8
    for result in results:
        assert 0 <= result.tracer.value < 3 * result.tracer.stderr
        assert result.tracer.stderr >= 0.999 * one_hop
        assert result.sampling == "insufficient"
        json.dumps(result.as_dict(), allow_nan=False)


def test_carriers_at_rest_are_not_a_failure():
    result = estimate_diffusivity(as_trajectory(np.full((50, 4, 3), 7.0), INTERVAL_PS))
    assert result.tracer.value == 0
    assert result.tracer.stderr > 0
    assert result.haven_ratio is None
    assert result.charge_diffusivity is None
    assert "haven_ratio" not in result.as_dict()["diffusivity"]
    json.dumps(result.as_dict(), allow_nan=False)


def test_one_carrier_has_the_haven_ratio_one():
    trajectory = as_trajectory(make_run("independent", 1, n_walkers=1), INTERVAL_PS)
    result = estimate_diffusivity(trajectory, fit_window_ps=(1.0, 4.0))
    assert result.haven_ratio.value == pytest.approx(1.0)


def test_hop_length_sets_the_effective_number_of_hops():
    trajectory = as_trajectory(make_run("independent", 1), INTERVAL_PS)
    one, two = (estimate_diffusivity(trajectory, fit_window_ps=(1.0, 4.0), hop_length_A=a) for a in (1.5, 3.0))
    assert one.n_hops_effective == pytest.approx(4 * two.n_hops_effective)
    with pytest.raises(ValueError, match="hop length must be positive"):
        estimate_diffusivity(trajectory, hop_length_A=0.0)


def test_shares_of_the_plane_and_the_axis_are_those_planted_with_their_error():
    planted = np.array([0.2, 0.2, 0.6])
    runs = [random_walkers(800, 60, planted, INTERVAL_PS, seed) for seed in range(40)]
    results = [estimate_diffusivity(as_trajectory(run, INTERVAL_PS)) for run in runs]
    shares = [result.c_share for result in results]
    assert np.mean([share.value for share in shares]) == pytest.approx(0.6, rel=0.03)
    scores = [(share.value - 0.6) / share.stderr for share in shares]
    assert 0.6 < np.std(scores) < 1.4
    for result in results:
        assert result.ab_share.value + result.c_share.value == pytest.approx(1.0)
        assert result.as_dict()["diffusivity"]["c_share"]["stderr"] == result.ab_share.stderr


def test_error_expected_of_the_number_of_hops_stands_beside_the_verdict():
    result = study("independent")[0]
    expected = 3.43 / np.sqrt(result.n_hops_effective) + 0.04
    assert result.as_dict()["diffusivity"]["relative_error_of_hops"] == pytest.approx(expected)
    assert relative_error_of_hops(SUFFICIENT_HOPS) == pytest.approx(0.5, abs=0.01)
    assert "3.43/√N + 0.04" in result.sampling_rule
    resting = estimate_diffusivity(as_trajectory(np.zeros((100, 3, 3)), INTERVAL_PS))
    assert "relative_error_of_hops" not in resting.as_dict()["diffusivity"]


def test_json_has_the_agreed_keys():
    written = json.loads(json.dumps(study("independent")[0].as_dict(), allow_nan=False))
    assert {
        "tracer_m2_s", "tensor_m2_s", "components_m2_s", "charge_m2_s", "haven_ratio", "conductivity_S_m",
        "fit_window_ps", "n_independent", "sampling", "method",
    } <= set(written["diffusivity"])  # fmt: skip
    assert set(written["diffusivity"]["haven_ratio"]) == {"value", "stderr", "lower", "upper"}
    assert set(written["diffusivity"]["components_m2_s"]) == {"x", "y", "z"}
    assert set(written["msd"]) == {"lag_ps", "tracer_A2", "collective_A2"}
    assert len({len(column) for column in written["msd"].values()}) == 1


def test_curves_are_the_definition_at_their_lags():
    walk = make_run("independent", 4)
    result = estimate_diffusivity(as_trajectory(walk, INTERVAL_PS))
    for index in (0, 10, 60):
        lag = round(result.lag_ps[index] / INTERVAL_PS)
        steps = walk[lag:] - walk[:-lag]
        assert result.msd_tracer_A2[index] == pytest.approx((steps**2).sum(axis=2).mean())
        assert result.msd_collective_A2[index] == pytest.approx((steps.sum(axis=1) ** 2).sum(axis=1).mean() / 48)


def test_window_may_be_given():
    result = estimate_diffusivity(as_trajectory(make_run("independent", 4), INTERVAL_PS), fit_window_ps=(2.0, 10.0))
    assert result.fit_window_ps == pytest.approx((2.0, 10.0))
    assert result.correlation_ps is None
    assert abs(result.tracer.value - DIFFUSIVITY_M2_S) < 4 * result.tracer.stderr


def test_discarding_is_the_same_as_cutting():
    walk = make_run("independent", 4)
    discarded = estimate_diffusivity(as_trajectory(walk, INTERVAL_PS), discard_ps=10.0)
    cut = estimate_diffusivity(as_trajectory(walk[100:], INTERVAL_PS))
    assert discarded.as_dict() == cut.as_dict()


def test_short_run_of_few_hops_is_called_insufficient_and_a_long_one_sufficient():
    short = estimate_diffusivity(as_trajectory(hopping_walkers(300, 40, 0.002, 3.0, 0.3, INTERVAL_PS, 1), INTERVAL_PS))
    assert short.sampling == "insufficient"
    assert study("independent")[0].sampling == "sufficient"


@pytest.mark.parametrize("n_frames", [2, 100, 200, 201, 1000, 123_457, 400_000])
def test_thinned_lags_are_few_increasing_and_reach_the_end(n_frames):
    lags = thinned_lags(n_frames)
    assert len(lags) <= 201
    assert (np.diff(lags) > 0).all()
    assert lags[0] == 1
    assert lags[-1] == n_frames - 1


@pytest.mark.parametrize("window", [(5.0, 5.0), (10.0, 5.0), (-1.0, 5.0), (1.0, 30.0), (1.0, float("nan"))])
def test_windows_outside_the_run_are_refused(window):
    with pytest.raises(ValueError, match="the fit window"):
        estimate_diffusivity(as_trajectory(make_run("independent", 1), INTERVAL_PS), fit_window_ps=window)


@pytest.mark.parametrize("discard_ps", [-1.0, float("nan")])
def test_impossible_times_to_discard_are_refused(discard_ps):
    with pytest.raises(ValueError, match="time to discard"):
        estimate_diffusivity(as_trajectory(make_run("independent", 1), INTERVAL_PS), discard_ps=discard_ps)


def test_too_few_frames_are_refused():
    with pytest.raises(ValueError, match="at least 12 frames"):
        estimate_diffusivity(as_trajectory(make_run("independent", 1), INTERVAL_PS), discard_ps=39.5)

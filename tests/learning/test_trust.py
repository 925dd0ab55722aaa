import numpy as np
import pytest

from aiida_concerted.learning.selection import TrustLevels
from aiida_concerted.learning.trust import Calibration, LevelTable, calibrate_levels, interpolate

GENERAL = TrustLevels(0.12, 0.25)
HOT = {300.0: TrustLevels(0.1, 0.2), 1200.0: TrustLevels(0.4, 0.8)}


def test_a_temperature_between_two_has_levels_between_theirs():
    table = LevelTable(GENERAL, by_temperature=HOT)
    middle = table.of(temperature_K=600.0)
    assert middle.lower == pytest.approx(0.2)
    assert middle.upper == pytest.approx(0.4)
    assert table.of(temperature_K=100.0) == HOT[300.0]
    assert table.of(temperature_K=2000.0) == HOT[1200.0]
    assert table.of() == GENERAL


def test_a_system_with_its_own_levels_heeds_no_others():
    own = LevelTable(TrustLevels(0.5, 0.9))
    table = LevelTable(GENERAL, by_temperature=HOT, by_system={"disordered": own})
    assert table.of("disordered", 300.0) == own.general
    assert table.of("ordered", 300.0) == HOT[300.0]


def test_interpolation_with_one_temperature_is_constant():
    assert interpolate({600.0: 0.3}, 250.0) == 0.3


def test_calibration_gives_the_stated_quantile_and_ratio():
    deviations = np.linspace(0.0, 0.1, 101)
    usual, other = calibrate_levels(deviations), calibrate_levels(deviations, quantile=0.5, ratio=3.0)
    assert (usual.lower, usual.upper) == pytest.approx((0.095, 0.19))
    assert (other.lower, other.upper) == pytest.approx((0.05, 0.15))
    assert calibrate_levels(deviations, floor=0.2).lower == 0.2


def test_calibrated_levels_make_the_stated_share_of_known_frames_accurate():
    deviations = np.random.default_rng(3).lognormal(-3, 0.5, 4000)
    trust = calibrate_levels(deviations[::2])
    # The other half of the frames: 95 % ± 0.5 % (2000 frames), four standard errors of both halves together.
    assert abs((deviations[1::2] < trust.lower).mean() - 0.95) < 0.028


@pytest.mark.parametrize(
    ("deviations", "options", "message"),
    [
        (np.ones(19), {}, "at least 20 frames"),
        (np.append(np.ones(30), np.nan), {}, "1 deviations are not finite"),
        (np.ones(30), {"quantile": 1.0}, "quantile < 1"),
        (np.ones(30), {"ratio": 1.0}, "ratio > 1"),
    ],
)
def test_what_cannot_be_calibrated_from_is_refused(deviations, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate_levels(deviations, **options)


def test_levels_by_temperature_are_those_of_its_own_frames():
    deviations = np.concatenate([np.linspace(0.0, 0.1, 21), np.linspace(0.0, 0.4, 21)])
    temperatures = [300.0] * 21 + [900.0] * 21
    table = Calibration(by="temperature").table(deviations, temperatures)
    assert table.of(temperature_K=300.0) == calibrate_levels(deviations[:21])
    assert table.of(temperature_K=900.0) == calibrate_levels(deviations[21:])
    assert table.of() == calibrate_levels(deviations)
    assert Calibration().table(deviations, temperatures) == LevelTable(calibrate_levels(deviations))


@pytest.mark.parametrize(
    ("temperatures", "message"),
    [
        ([300.0] * 41 + [None], "temperatures of 1 of 42 frames are not known"),
        (None, "temperatures of 42 of 42 frames are not known"),
        ([300.0] * 30 + [900.0] * 12, "at 900 K: calibration needs at least 20 frames, got 12"),
    ],
)
def test_levels_by_temperature_need_the_frames_of_each(temperatures, message):
    with pytest.raises(ValueError, match=message):
        Calibration(by="temperature").table(np.ones(42), temperatures)


@pytest.mark.parametrize("options", [{"by": "system"}, {"floor_eV_A": -1}, {"ratio": float("inf")}, {"quantile": "x"}])
def test_a_calibration_that_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match="calibrat"):
        Calibration(**options)

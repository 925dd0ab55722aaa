"""Residence times: censored stays recover the truth where dropping them would not."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.residence import Residence, measure_residence, residence_by_site, survival_curve
from tests.synthetic_lattice import exponential_residence

LABELS = ("A",) * 50


def complete_stays(history: SiteHistory) -> np.ndarray:
    inner = history.is_arrival & (history.ends < history.n_frames)
    return (history.ends - history.starts)[inner] * history.frame_interval_ps


@pytest.mark.parametrize("seed", range(3))
def test_a_run_as_long_as_the_residence_time_still_gives_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = exponential_residence(rng, 8000, 400, 399.0, 50)
    history = SiteHistory.from_dense(dense, 0.5, LABELS)
    residence = measure_residence(history)["A"]
    assert residence.time_ps is not None
    assert residence.time_ps.value == pytest.approx(199.5, rel=0.03)
    assert complete_stays(history).mean() < 0.6 * 199.5  # what dropping cut stays would say


def test_the_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(200):
        history = SiteHistory.from_dense(exponential_residence(rng, 6, 300, 60.0, 50), 1.0, LABELS)
        time = measure_residence(history)["A"].time_ps
        assert time is not None
        assert time.lower is not None
        assert time.upper is not None
        # The chance to hop in one frame is that of an exponential with exactly this mean of whole frames.
        covered += time.lower <= 1.0 / -np.expm1(-1.0 / 60.0) <= time.upper
    assert covered >= 182


def test_exposure_and_exits_add_up_by_site() -> None:
    dense = np.array([[0, 2], [0, 2], [1, 2], [1, 2], [0, 2]])
    history = SiteHistory.from_dense(dense, 0.5, ("A", "A", "B"))
    exposure, exits, censored = residence_by_site(history)
    np.testing.assert_allclose(exposure, [1.0, 1.0, 2.0])
    assert exits.tolist() == [1, 1, 0]
    assert censored.tolist() == [1, 0, 1]
    residence = measure_residence(history, ("B", "A"))
    assert list(residence) == ["B", "A"]
    assert residence["A"] == Residence(2.0, 2, 1)


def test_without_an_exit_there_is_only_a_lower_bound() -> None:
    residence = Residence(100.0, 0, 4)
    assert residence.time_ps is None
    content = residence.as_dict()
    assert content == {"lower": pytest.approx(100.0 / 3.6888794541139354), "n_exits": 0, "n_censored": 4}
    assert Residence(0.0, 0, 0).as_dict() == {"n_exits": 0, "n_censored": 0}


def test_json_form_holds_the_interval_and_the_counts() -> None:
    content = Residence(200.0, 10, 3).as_dict()
    assert content["value"] == 20.0
    assert content["lower"] == pytest.approx(200.0 / 18.390, rel=1e-3)
    assert content["upper"] == pytest.approx(200.0 / 4.795, rel=1e-3)
    assert (content["n_exits"], content["n_censored"]) == (10, 3)


def test_survival_is_exponential_for_exponential_stays() -> None:
    rng = np.random.default_rng(3)
    history = SiteHistory.from_dense(exponential_residence(rng, 500, 600, 150.0, 50), 1.0, LABELS)
    curve = survival_curve(history, "A")
    expected = np.exp(-curve.time_ps / 150.0)
    chosen = curve.time_ps < 450
    deviation = (curve.survival - expected)[chosen] / curve.stderr[chosen]
    assert np.sqrt(np.mean(deviation**2)) < 2.0


def test_survival_by_hand() -> None:
    # Stays of 1, 2 and 2 frames seen complete, one cut off after 1: S = 3/4 after 1, then 3/4 * 0/2.
    dense = np.array([[0, 0], [1, 0], [2, 1], [2, 1], [3, 2], [3, 2], [4, 3]])[:, :]
    history = SiteHistory.from_dense(dense, 1.0, ("A",) * 4 + ("B",))
    curve = survival_curve(history, "A")
    assert curve.time_ps.tolist() == [1.0, 2.0]
    # carrier 0: stays 1 (1), 2 (2), 3 (2); carrier 1: 1 (2), 2 (2), last cut off after 0
    np.testing.assert_allclose(curve.survival, [1 - 1 / 5, 0.0])


def test_an_unknown_label_is_named() -> None:
    with pytest.raises(ValueError, match="no site labelled 'Z', only A"):
        survival_curve(SiteHistory.from_dense(np.zeros((2, 1), dtype=int), 1.0, ("A",)), "Z")

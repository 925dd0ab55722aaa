"""How long a carrier stays on a site, with stays that the run cuts off counted for what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.tails import chi_square_quantile
from aiida_concerted.common.estimate import Interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Residence:
    """The residence time of one label.

    :param exposure_ps: time that carriers were seen on these sites.
    :param n_exits: times that one was seen to leave.
    :param n_censored: stays that the end of the run cut off.
    """

    exposure_ps: float
    n_exits: int
    n_censored: int

    @property
    def time_ps(self) -> Interval | None:
        """Return the residence time with its 95 % interval; ``None`` without an exit."""
        if not self.n_exits or self.exposure_ps <= 0:
            return None
        upper = self.exposure_ps / float(_gamma_quantile(0.5 * (1.0 - CONFIDENCE), self.n_exits))
        return Interval(self.exposure_ps / self.n_exits, lower=self.lower_bound_ps, upper=upper)

    @property
    def lower_bound_ps(self) -> float:
        """Return the lower end of the 95 % interval, which exists even without an exit."""
        return self.exposure_ps / float(_gamma_quantile(0.5 * (1.0 + CONFIDENCE), self.n_exits + 1))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Residence:
        """Return what a JSON form was made of; of stays without an exit the bound tells how long they were seen."""
        n_exits, exposure_ps = int(content.get("n_exits", 0)), 0.0
        if content.get("value") is not None:
            exposure_ps = content["value"] * n_exits
        elif content.get("lower") is not None:
            exposure_ps = content["lower"] * float(_gamma_quantile(0.5 * (1.0 + CONFIDENCE), n_exits + 1))
        return cls(exposure_ps, n_exits, int(content.get("n_censored", 0)))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; without an exit it holds only the lower bound, without a visit only the counts."""
        counts = {"n_exits": self.n_exits, "n_censored": self.n_censored}
        time = self.time_ps
        if time is not None:
            return {**time.as_dict(), **counts}
        return {"lower": self.lower_bound_ps, **counts} if self.exposure_ps > 0 else dict(counts)


@dataclass(frozen=True)
class SurvivalCurve:
    """The probability that a stay lasts longer than a time.

    :param time_ps: times of exits in ps, ascending, shape ``(n,)``.
    :param survival: probability just after each time.
    :param stderr: standard error by Greenwood's formula.
    """

    time_ps: FloatArray
    survival: FloatArray
    stderr: FloatArray


def measure_residence(history: SiteHistory, labels: tuple[str, ...] | None = None) -> dict[str, Residence]:
    """Return the residence time of every label.

    For exponential stays the maximum of the likelihood is the time spent divided by the exits seen; a stay under way at
    the first frame enters from then on (an exponential has no memory) and one cut off by the end adds time without an
    exit. Dropping the cut stays instead underestimates a time as long as the run by a factor of about three. The
    interval is that of a Gamma distribution for the exits.

    :param history: the counted hops (after :func:`~aiida_concerted.analysis.hops.drop_recrossings`).
    :param labels: order of the labels; that of first appearance when not given.
    """
    order = labels or tuple(dict.fromkeys(history.labels))
    exposure, exits, censored = residence_by_site(history)
    site_labels = np.array(history.labels)
    chosen = {label: site_labels == label for label in order}
    return {
        label: Residence(float(exposure[mask].sum()), int(exits[mask].sum()), int(censored[mask].sum()))
        for label, mask in chosen.items()
    }


def residence_by_site(history: SiteHistory) -> tuple[FloatArray, IntArray, IntArray]:
    """Return the time in ps seen on each site, the exits and the stays cut off, ``(n_sites,)`` each."""
    n = history.n_sites
    last = _is_last(history)
    # The last frame opens no interval in which an exit could be seen.
    lasting = history.ends - history.starts - last
    frames = np.bincount(history.sites, weights=lasting, minlength=n).astype(np.float64)
    exits, censored = (np.bincount(history.sites[chosen], minlength=n).astype(np.int64) for chosen in (~last, last))
    return frames * history.frame_interval_ps, exits, censored


def survival_curve(history: SiteHistory, label: str) -> SurvivalCurve:
    """Return the Kaplan–Meier estimate of how long stays on a label last, for any distribution.

    Stays under way at the first frame are left out, as their beginning is not known; those cut off by the end count as
    long as they were seen.

    :raises ValueError: if the label does not exist.
    """
    if label not in history.labels:
        raise ValueError(f"there is no site labelled '{label}', only {', '.join(dict.fromkeys(history.labels))}")
    chosen = history.is_arrival & (np.array(history.labels) == label)[history.sites]
    last = _is_last(history)[chosen]
    lasting = (history.ends - history.starts)[chosen] - last
    exits = np.bincount(lasting[~last], minlength=1)
    all_ends = np.bincount(lasting, minlength=len(exits))
    at_risk = all_ends[::-1].cumsum()[::-1][: len(exits)]
    times = np.flatnonzero(exits)
    hazard = exits[times] / at_risk[times]
    survival = np.cumprod(1.0 - hazard)
    remaining = np.maximum(at_risk[times] - exits[times], 1)
    greenwood = np.cumsum(exits[times] / (at_risk[times] * remaining))
    return SurvivalCurve(times.astype(np.float64) * history.frame_interval_ps, survival, survival * np.sqrt(greenwood))


def _is_last(history: SiteHistory) -> NDArray[np.bool_]:
    last = np.zeros(len(history.starts), dtype=bool)
    last[history.offsets[1:] - 1] = True
    return last


def _gamma_quantile(probability: float, n_events: int) -> float:
    """Return the quantile of the time that ``n_events`` events take, in mean times: a Gamma distribution."""
    return 0.5 * chi_square_quantile(probability, 2 * n_events)

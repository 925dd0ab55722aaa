"""How full the sites are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.common.estimate import Estimate

FloatArray = NDArray[np.float64]

SOKAL_FACTOR = 5.0
"""The autocorrelation time is summed up to the first lag this many times as long [Sokal1997]_.

.. [Sokal1997] A. Sokal, in Functional Integration (Plenum, New York, 1997), p. 131.
"""


@dataclass(frozen=True)
class Occupancy:
    """Time averages of how the carriers spread over the sites.

    :param by_label: mean number of carriers on a site of each label.
    :param share: fraction of all carriers on each label; adds up to one.
    :param by_site: mean number of carriers on each site, shape ``(n_sites,)``.
    :param multiple_fraction: fraction of the carriers' time spent on a site that another carrier holds too.
    """

    by_label: dict[str, Estimate]
    share: dict[str, float]
    by_site: FloatArray
    multiple_fraction: float


def measure_occupancy(history: SiteHistory, labels: tuple[str, ...] | None = None) -> Occupancy:
    """Return the mean occupancy of every site and label, with the errors of correlated samples.

    :param labels: order of the labels; that of first appearance when not given.
    """
    order = labels or tuple(dict.fromkeys(history.labels))
    lasting = history.ends - history.starts
    by_site = np.bincount(history.sites, weights=lasting, minlength=history.n_sites) / history.n_frames
    site_labels = np.array(history.labels)
    series = carriers_by_label(history, order)
    by_label, share = {}, {}
    for label, counts in zip(order, series, strict=True):
        n_sites = int(np.count_nonzero(site_labels == label))
        by_label[label] = Estimate(float(counts.mean()) / n_sites, standard_error(counts) / n_sites)
        share[label] = float(counts.mean()) / history.n_carriers
    return Occupancy(by_label, share, by_site, history.multiple_occupancy_fraction)


def carriers_by_label(history: SiteHistory, labels: tuple[str, ...]) -> FloatArray:
    """Return the number of carriers on each label at every frame, shape ``(n_labels, n_frames)``."""
    rank = {label: place for place, label in enumerate(labels)}
    kind = np.array([rank[label] for label in history.labels])[history.sites]
    change = np.zeros((len(labels), history.n_frames + 1))
    np.add.at(change, (kind, history.starts), 1.0)
    np.add.at(change, (kind, history.ends), -1.0)
    return np.cumsum(change[:, :-1], axis=1)


def standard_error(series: FloatArray) -> float:
    """Return the standard error of the mean of a stationary series, its autocorrelation accounted for.

    The variance of the mean is ``2 τ s² / n`` with the integrated autocorrelation time ``τ`` (in samples, ½ without
    correlation) summed over a self-consistent window; the variance ``s²`` is that of the series about its own mean,
    corrected for the ``n / 2τ`` independent samples.
    """
    n = len(series)
    centred = series - series.mean()
    variance = float(centred @ centred) / n
    if n < 2 or variance <= 1e-24 * max(1.0, float(np.abs(series).max()) ** 2):
        return 0.0
    time = integrated_autocorrelation_time(series)
    independent = n / (2.0 * time)
    # A series that has not decorrelated holds about one sample, and its own variance no longer bounds the error.
    return float(np.sqrt(variance / max(independent - 1.0, 0.5)))


def integrated_autocorrelation_time(series: FloatArray) -> float:
    """Return the integrated autocorrelation time in samples; ½ for independent samples [Sokal1997]_."""
    n = len(series)
    centred = series - series.mean()
    transform = np.fft.rfft(centred, 2 * n)
    correlation = np.fft.irfft(transform * transform.conj())[:n] / np.arange(n, 0, -1)
    if correlation[0] <= 0:
        return 0.5
    times = 0.5 + np.cumsum(correlation[1:] / correlation[0])
    windows = np.arange(1, n)
    closed = np.flatnonzero(windows >= SOKAL_FACTOR * times)
    time = times[closed[0]] if len(closed) else times.max()
    return float(min(max(time, 0.5), n / 2))

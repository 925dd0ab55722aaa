"""Hops between sites, and the rule that takes returns for what they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import PlacedNetwork

IntArray = NDArray[np.int64]

DEFAULT_RECROSSING_PS = 1.0
"""Dwell time in ps below which A→B→A is one stay on A; half of all changes of site in LGPS at 600 K are returns."""


@dataclass(frozen=True)
class Hops:
    """Changes of site, ordered by carrier and frame.

    :param frame: first frame on the new site, shape ``(n_hops,)``.
    :param carrier: who hopped.
    :param origin: site left.
    :param destination: site entered.
    """

    frame: IntArray
    carrier: IntArray
    origin: IntArray
    destination: IntArray

    def __len__(self) -> int:
        """Return the number of hops."""
        return len(self.frame)

    def select(self, chosen: NDArray[Any]) -> Hops:
        """Return the hops at a mask or at indices."""
        return Hops(self.frame[chosen], self.carrier[chosen], self.origin[chosen], self.destination[chosen])


@dataclass(frozen=True)
class HopCounts:
    """How many hops there were.

    :param raw: changes of the nearest site.
    :param counted: those left after the recrossing rule.
    :param non_edge: counted hops that follow no edge of the network.
    :param by_pair: counted hops along edges by pair of labels, either direction; pairs of the network without any too.
    :param recrossing_ps: dwell time of the rule in ps.
    """

    raw: int
    counted: int
    non_edge: int
    by_pair: dict[str, int]
    recrossing_ps: float

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "raw": self.raw,
            "counted": self.counted,
            "non_edge": self.non_edge,
            "by_pair": dict(self.by_pair),
            "recrossing_ps": self.recrossing_ps,
        }


def find_hops(history: SiteHistory) -> Hops:
    """Return every change of site of a history."""
    arrivals = np.flatnonzero(history.is_arrival)
    sites = history.sites.astype(np.int64)
    return Hops(history.starts[arrivals], history.carriers[arrivals], sites[arrivals - 1], sites[arrivals])


def drop_recrossings(history: SiteHistory, recrossing_ps: float = DEFAULT_RECROSSING_PS) -> SiteHistory:
    """Return the history in which a carrier that leaves A for B and is back on A sooner than a dwell time never left.

    The rule is applied from the first frame on, to what it has left so far, so that A→B→A→B→A with short stays on B is
    one stay on A. A stay of exactly ``recrossing_ps`` is kept; zero keeps everything.

    :raises ValueError: if ``recrossing_ps`` is negative.
    """
    if not recrossing_ps >= 0:
        raise ValueError(f"recrossing_ps must not be negative, got {recrossing_ps}")
    # 1.0 ps of 0.1 ps frames is 10 frames although 1.0 / 0.1 may fall short of it in floating point.
    shortest = int(np.ceil(recrossing_ps / history.frame_interval_ps - 1e-9))
    kept = np.empty(len(history.starts), dtype=np.int64)
    offsets = np.zeros(history.n_carriers + 1, dtype=np.int64)
    n_kept = _without_returns(history.offsets, history.starts, history.sites, shortest, kept, offsets)
    return SiteHistory(
        n_frames=history.n_frames,
        frame_interval_ps=history.frame_interval_ps,
        labels=history.labels,
        offsets=offsets,
        starts=history.starts[kept[:n_kept]],
        sites=history.sites[kept[:n_kept]],
    )


def count_hops(raw: SiteHistory, counted: SiteHistory, placed: PlacedNetwork, recrossing_ps: float) -> HopCounts:
    """Return the numbers of hops of a history before and after the recrossing rule.

    :param raw: the history as assigned.
    :param counted: the same after :func:`drop_recrossings`.
    """
    hops = find_hops(counted)
    along = placed.is_edge(hops.origin, hops.destination)
    names, kind = np.unique(np.array(placed.labels), return_inverse=True)
    keys = kind[hops.origin[along]] * len(names) + kind[hops.destination[along]]
    table = np.bincount(keys, minlength=len(names) ** 2).reshape(len(names), len(names))
    pairs = dict.fromkeys((_pair(a, b) for a, b in names[kind[placed.edges]].tolist()), 0)
    for (origin, destination), number in np.ndenumerate(table):
        if number:
            pairs[_pair(str(names[origin]), str(names[destination]))] += int(number)
    return HopCounts(raw.n_hops, len(hops), int(np.count_nonzero(~along)), dict(sorted(pairs.items())), recrossing_ps)


def recrossing_curve(history: SiteHistory, dwell_times_ps: tuple[float, ...]) -> IntArray:
    """Return the number of hops left for each dwell time of the rule: how much the choice matters."""
    return np.array([drop_recrossings(history, dwell).n_hops for dwell in dwell_times_ps], dtype=np.int64)


def _pair(first: str, second: str) -> str:
    return "-".join(sorted((first, second)))


@njit(cache=True, nogil=True)
def _without_returns(offsets, starts, sites, shortest, kept, new_offsets):  # type: ignore[no-untyped-def]
    """Write the indices of the runs to keep and their offsets; return their number."""
    top = 0
    for carrier in range(len(offsets) - 1):
        base = top
        for run in range(offsets[carrier], offsets[carrier + 1]):
            is_return = (
                top - base >= 2
                and sites[kept[top - 2]] == sites[run]
                and starts[run] - starts[kept[top - 1]] < shortest
            )
            if is_return:
                top -= 1
            else:
                kept[top] = run
                top += 1
        new_offsets[carrier + 1] = top
    return top

"""Pairs of hops of which one enters the site that the other leaves: a sort-merge join over hops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.analysis.components import connected
from aiida_concerted.analysis.hops import Hops
from aiida_concerted.analysis.placement import PlacedNetwork

IntArray = NDArray[np.int64]

EXCHANGE = -1
"""Class of a pair A→B, B→A: two carriers change places."""


@dataclass(frozen=True)
class PathClasses:
    """The class of every path A–B–C, by the labels of its sites.

    :param modes: label of each class.
    :param site_kind: number of the label of each site.
    :param table: class of the labels of A, B and C, shape ``(n_labels, n_labels, n_labels)``; -2 where there is none.
    """

    modes: tuple[str, ...]
    site_kind: IntArray
    table: IntArray

    @classmethod
    def of(cls, placed: PlacedNetwork, modes: tuple[str, ...]) -> PathClasses:
        """Return the classes of a placed network in the order of ``modes``."""
        names = list(placed.network.counts)
        number = {mode: place for place, mode in enumerate(modes)}
        table = np.full((len(names),) * 3, -2, dtype=np.int64)
        for (a, b, c), mode in placed.mode_of_labels().items():
            table[names.index(a), names.index(b), names.index(c)] = number.get(mode, -2)
        kind = np.array([names.index(label) for label in placed.labels], dtype=np.int64)
        return cls(modes, kind, table)


@dataclass(frozen=True)
class HopPairs:
    """Pairs of hops A→B and B→C of two carriers.

    :param arrival: index of the hop A→B, shape ``(n_pairs,)``.
    :param departure: index of the hop B→C.
    :param lag: frames from the departure to the arrival; positive where the site stood empty in between.
    :param mode: class of the path, or :data:`EXCHANGE`.
    """

    arrival: IntArray
    departure: IntArray
    lag: IntArray
    mode: IntArray

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.arrival)


class HopJoin:
    """Hops sorted so that all departures from a site within a span of time are found by bisection.

    :param hops: hops along edges of the network.
    :param classes: classes of paths.
    :param reach: longest lag in frames, either sign.
    """

    def __init__(self, hops: Hops, classes: PathClasses, reach: int) -> None:
        order = np.lexsort((hops.frame, hops.origin))
        self.order = order
        self._hops = hops.select(order)
        self._classes = classes
        self._reach = reach
        # One key orders by site, then by frame; the margin keeps the spans of neighbouring sites apart.
        latest = int(hops.frame.max()) if len(hops) else 0
        span = latest + 2 * reach + 2
        keys = self._hops.origin * span + self._hops.frame + reach
        centre = self._hops.destination * span + self._hops.frame + reach
        self._first = np.searchsorted(keys, centre - reach, side="left")
        self._last = np.searchsorted(keys, centre + reach, side="right")

    def lag_histogram(self) -> IntArray:
        """Return the pairs of every class at every lag, exchanges left out, shape ``(n_classes, 2 * reach + 1)``.

        Cost ``O(n_hops log n_hops + n_pairs)``.
        """
        histogram = np.zeros((len(self._classes.modes), 2 * self._reach + 1), dtype=np.int64)
        _count_lags(*self._columns, self._reach, histogram)  # type: ignore[call-arg]
        return histogram

    def pairs(self) -> HopPairs:
        """Return the pairs themselves, exchanges from both their ends; indices are those of the hops given."""
        total = _list_pairs(*self._columns, *(np.empty(0, dtype=np.int64),) * 3)  # type: ignore[call-arg]
        arrival, departure, mode = (np.empty(total, dtype=np.int64) for _ in range(3))
        _list_pairs(*self._columns, arrival, departure, mode)  # type: ignore[call-arg]
        lag = self._hops.frame[arrival] - self._hops.frame[departure]
        return HopPairs(self.order[arrival], self.order[departure], lag, mode)

    @property
    def _columns(self) -> tuple[IntArray, ...]:
        hops, classes = self._hops, self._classes
        columns = (hops.frame, hops.carrier, hops.origin, hops.destination, self._first, self._last)
        return (*columns, classes.site_kind, classes.table)


def match_one_to_one(pairs: HopPairs, n_hops: int) -> NDArray[np.bool_]:
    """Return which pairs remain when every hop arrives once and departs once at most, closest in time first.

    One arrival can pair with two departures; all pairs and these matched ones bracket what a reader may call an event.
    """
    order = np.lexsort((pairs.departure, pairs.arrival, np.abs(pairs.lag)))
    kept = np.zeros(len(pairs), dtype=bool)
    _match(order, pairs.arrival, pairs.departure, pairs.mode, np.zeros((2, n_hops), dtype=np.bool_), kept)
    return kept


def count_exchanges(pairs: HopPairs) -> int:
    """Return how many times two carriers changed places."""
    return int(np.count_nonzero(pairs.mode == EXCHANGE)) // 2


def count_chains(pairs: HopPairs, n_hops: int) -> dict[int, int]:
    """Return how many strings of ``n`` hops there were, from two hops on: connected components of the pairs."""
    chosen = pairs.mode >= 0
    arrival, departure = pairs.arrival[chosen], pairs.departure[chosen]
    sizes = {2: 0, 3: 0}
    if len(arrival):
        component = connected(arrival, departure, n_hops)
        lengths, numbers = np.unique(np.bincount(component), return_counts=True)
        sizes |= {int(n): int(count) for n, count in zip(lengths, numbers, strict=True) if n >= 2}
    return dict(sorted(sizes.items()))


@njit(cache=True, nogil=True)
def _count_lags(  # type: ignore[no-untyped-def]
    frame, carrier, origin, destination, first, last, kind, table, reach, histogram
):
    for a in range(len(frame)):
        for b in range(first[a], last[a]):
            if carrier[a] == carrier[b] or origin[a] == destination[b]:
                continue
            mode = table[kind[origin[a]], kind[destination[a]], kind[destination[b]]]
            if mode >= 0:
                histogram[mode, frame[a] - frame[b] + reach] += 1


@njit(cache=True, nogil=True)
def _list_pairs(  # type: ignore[no-untyped-def]
    frame, carrier, origin, destination, first, last, kind, table, arrivals, departures, modes
):
    """Write the pairs into arrays of the right length, or only count them when these are empty."""
    n_pairs = 0
    for a in range(len(frame)):
        for b in range(first[a], last[a]):
            if carrier[a] == carrier[b]:
                continue
            mode = table[kind[origin[a]], kind[destination[a]], kind[destination[b]]]
            if origin[a] == destination[b]:
                mode = EXCHANGE
            if mode < EXCHANGE:
                continue
            if len(arrivals) > 0:
                arrivals[n_pairs], departures[n_pairs], modes[n_pairs] = a, b, mode
            n_pairs += 1
    return n_pairs


@njit(cache=True, nogil=True)
def _match(order, arrivals, departures, modes, used, kept):  # type: ignore[no-untyped-def]
    for pair in order:
        a, b = arrivals[pair], departures[pair]
        if modes[pair] >= 0 and not used[0, a] and not used[1, b]:
            used[0, a], used[1, b], kept[pair] = True, True, True

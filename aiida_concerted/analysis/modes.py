"""Concerted hops of two carriers, A→B and B→C at about the same time, counted above their background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.counts import dispersion_of, excess_interval
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.hops import DEFAULT_RECROSSING_PS, Hops, drop_recrossings, find_hops
from aiida_concerted.analysis.pairs import HopJoin, HopPairs, PathClasses, match_one_to_one
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.common.estimate import Interval
from aiida_concerted.common.units import PS_IN_S

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DEFAULT_WINDOW_PS = 1.0
DEFAULT_BACKGROUND_PS = (2.0, 10.0)
N_SURROGATES = 4
MAX_BLOCKS = 50
MIN_BLOCKS = 10


@dataclass(frozen=True)
class LagWindows:
    """The lags, in frames, of the window and of the side windows on either side of it.

    :param window: longest lag of the window; it holds ``2 * window + 1`` lags.
    :param side: the side windows hold the lags above ``side[0]`` up to ``side[1]``, either sign; ``None`` where the run
        is too short for any.
    :param n_frames: frames of the run.
    """

    window: int
    side: tuple[int, int] | None
    n_frames: int

    @classmethod
    def of(cls, history: SiteHistory, window_ps: float, background_ps: tuple[float, float]) -> LagWindows:
        """Return the windows that fit a history; side windows are cut to half of the run and dropped below one window.

        :raises ValueError: if the times are not ascending from above zero.
        """
        if not 0 < window_ps <= background_ps[0] < background_ps[1]:
            raise ValueError(
                f"need 0 < window_ps <= background_ps[0] < background_ps[1], got {window_ps} and {background_ps}"
            )
        window, begin, end = (round(t / history.frame_interval_ps + 1e-9) for t in (window_ps, *background_ps))
        end = min(end, (history.n_frames - 1) // 2)
        fits = end - begin >= max(1, window)
        return cls(window, (begin, end) if fits else None, history.n_frames)

    @property
    def reach(self) -> int:
        """Return the longest lag of all."""
        return self.window if self.side is None else self.side[1]

    @property
    def side_ratio(self) -> float | None:
        """Return how many more pairs unrelated hops put into the side windows; fewer frames offer a longer lag."""
        if self.side is None:
            return None
        lags = np.arange(-self.reach, self.reach + 1)
        offered = self.n_frames - 1 - np.abs(lags)
        return float(offered[self.in_side(lags)].sum() / offered[np.abs(lags) <= self.window].sum())

    def in_side(self, lags: IntArray) -> NDArray[np.bool_]:
        """Return which lags belong to the side windows."""
        if self.side is None:
            return np.zeros(len(lags), dtype=bool)
        return (np.abs(lags) > self.side[0]) & (np.abs(lags) <= self.side[1])


@dataclass(frozen=True)
class ModeCount:
    """The events of one class of paths at one temperature.

    What needs side windows (``side_count`` to ``events``, ``null_excess``) is ``None`` for a run too short to have any.

    :param label: ``A-B-C``, both directions.
    :param named: whether the site model names the class.
    :param raw: pairs within the window.
    :param side_count: pairs in the side windows.
    :param side_ratio: expected ratio of side to window for unrelated hops.
    :param events: pairs above background with their 95 % interval.
    :param exposure_cell_ps: site cells times duration in ps.
    :param one_to_one: pairs within the window with every hop used once as arrival and once as departure.
    :param dispersion: variance over mean of ``raw`` in blocks of time; ``None`` without events or blocks.
    :param null_excess: mean ``events`` of surrogates in which every carrier's hops are shifted in time at random.
    :param n_paths_per_cell: undirected paths of the class in a site cell.
    :param lag_ps: lag of each bin in ps, arrival minus departure; a vacancy being refilled shows on the positive side.
    :param lag_counts: pairs at each lag.
    """

    label: str
    named: bool
    raw: int
    side_count: int | None
    side_ratio: float | None
    events: Interval | None
    exposure_cell_ps: float
    one_to_one: int
    dispersion: float | None
    null_excess: float | None
    n_paths_per_cell: float
    lag_ps: FloatArray
    lag_counts: IntArray

    @property
    def background(self) -> float | None:
        """Return the accidental pairs expected in the window."""
        return None if self.side_count is None or self.side_ratio is None else self.side_count / self.side_ratio

    @property
    def frequency_per_cell_s(self) -> Interval | None:
        """Return the events per site cell and second; below zero where the background exceeds the pairs by chance."""
        if self.events is None or self.events.lower is None or self.events.upper is None:
            return None
        unit = 1.0 / (self.exposure_cell_ps * PS_IN_S)
        return Interval(self.events.value * unit, lower=self.events.lower * unit, upper=self.events.upper * unit)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; what could not be computed is left out."""
        content: dict[str, Any] = {
            "label": self.label,
            "named": self.named,
            "raw": self.raw,
            "side_count": self.side_count,
            "side_ratio": self.side_ratio,
            "background": self.background,
        }
        if self.events is not None:
            content |= {"count": self.events.value, "lower": self.events.lower, "upper": self.events.upper}
        content |= {
            "exposure_cell_ps": self.exposure_cell_ps,
            "one_to_one": self.one_to_one,
            "dispersion": self.dispersion,
            "null_excess": self.null_excess,
            "n_paths_per_cell": self.n_paths_per_cell,
            "lag_histogram": {"lag_ps": self.lag_ps.tolist(), "counts": self.lag_counts.tolist()},
        }
        if (frequency := self.frequency_per_cell_s) is not None:
            content["frequency_per_cell_s"] = frequency.as_dict()
        return {key: value for key, value in content.items() if value is not None}


def find_concerted_modes(
    history: SiteHistory,
    placed: PlacedNetwork,
    *,
    window_ps: float = DEFAULT_WINDOW_PS,
    recrossing_ps: float = DEFAULT_RECROSSING_PS,
    background_ps: tuple[float, float] = DEFAULT_BACKGROUND_PS,
    seed: int = 0,
) -> list[ModeCount]:
    """Return the events of every class of paths that the network allows, named ones first, those without any too.

    An event is a pair of hops A→B and B→C of two carriers along edges of the network, C not A, with
    ``|Δframe| <= round(window_ps / frame interval)`` after the recrossing rule. A–B–C and C–B–A are one class.
    Unrelated hops coincide by chance, ever more often the hotter: their number is measured at lags in
    ``background_ps``, either sign, and subtracted. Side windows do not tell a push from a vacancy that is refilled; the
    histogram of lags does.

    :param window_ps: longest lag of an event in ps, inclusive.
    :param recrossing_ps: dwell time of the recrossing rule in ps.
    :param background_ps: shortest and longest lag of the side windows in ps; cut to half of the run where it is short.
    :param seed: seed of the surrogates.
    :raises ValueError: if the history is not one of the placed sites, or the times are not ascending.

    Cost ``O(n log n + p)`` for ``n`` hops and ``p`` pairs within the longest lag.
    """
    if history.n_sites != placed.n_sites:
        raise ValueError(f"the history has {history.n_sites} sites, the placed network {placed.n_sites}")
    windows = LagWindows.of(history, window_ps, background_ps)
    hops = hops_along_edges(drop_recrossings(history, recrossing_ps), placed)
    paths, named = placed.network.paths_per_cell(), placed.network.modes
    tally = _Tally.of(hops, PathClasses.of(placed, tuple(paths)), windows, history, placed.n_cells, seed)
    return [
        tally.mode_count(number, label, label in named, n_paths)
        for number, (label, n_paths) in enumerate(paths.items())
    ]


def pairs_within_window(
    counted: SiteHistory, placed: PlacedNetwork, window_ps: float = DEFAULT_WINDOW_PS
) -> tuple[HopPairs, int]:
    """Return the pairs of hops within the window, exchanges included, and the number of hops they index.

    :param counted: the history after the recrossing rule.
    """
    hops = hops_along_edges(counted, placed)
    window = round(window_ps / counted.frame_interval_ps + 1e-9)
    classes = PathClasses.of(placed, tuple(placed.network.paths_per_cell()))
    return HopJoin(hops, classes, window).pairs(), len(hops)


def hops_along_edges(counted: SiteHistory, placed: PlacedNetwork) -> Hops:
    """Return the hops of a history that follow an edge of the network."""
    hops = find_hops(counted)
    return hops.select(placed.is_edge(hops.origin, hops.destination))


@dataclass(frozen=True)
class _Tally:
    """What has been counted of all classes together."""

    windows: LagWindows
    histogram: IntArray
    one_to_one: IntArray
    dispersions: list[float | None]
    null: FloatArray | None
    exposure_cell_ps: float
    frame_interval_ps: float

    @classmethod
    def of(
        cls, hops: Hops, classes: PathClasses, windows: LagWindows, history: SiteHistory, n_cells: int, seed: int
    ) -> _Tally:
        """Return the tally of the hops of a history."""
        pairs, n_classes = HopJoin(hops, classes, windows.window).pairs(), len(classes.modes)
        return cls(
            windows=windows,
            histogram=HopJoin(hops, classes, windows.reach).lag_histogram(),
            one_to_one=np.bincount(pairs.mode[match_one_to_one(pairs, len(hops))], minlength=n_classes),
            dispersions=_dispersions(pairs, hops, windows, n_classes),
            null=_null_excess(hops, classes, windows, history.n_carriers, seed),
            exposure_cell_ps=n_cells * history.duration_ps,
            frame_interval_ps=history.frame_interval_ps,
        )

    def mode_count(self, number: int, label: str, is_named: bool, n_paths: float) -> ModeCount:
        """Return the count of one class."""
        dispersion = self.dispersions[number]
        lags = np.arange(-self.windows.reach, self.windows.reach + 1)
        raw = int(self.histogram[number, np.abs(lags) <= self.windows.window].sum())
        side = int(self.histogram[number, self.windows.in_side(lags)].sum())
        ratio = self.windows.side_ratio
        bins, binned = _bin_lags(self.histogram[number], self.windows)
        return ModeCount(
            label=label,
            named=is_named,
            raw=raw,
            side_count=None if ratio is None else side,
            side_ratio=ratio,
            events=None if ratio is None else excess_interval(raw, side, ratio, dispersion or 1.0),
            exposure_cell_ps=self.exposure_cell_ps,
            one_to_one=int(self.one_to_one[number]),
            dispersion=dispersion,
            null_excess=None if self.null is None else float(self.null[number]),
            n_paths_per_cell=n_paths,
            lag_ps=bins * self.frame_interval_ps,
            lag_counts=binned,
        )


def _dispersions(pairs: HopPairs, hops: Hops, windows: LagWindows, n_classes: int) -> list[float | None]:
    """Return variance over mean of the pairs of each class in blocks much longer than the window."""
    n_blocks = min(MAX_BLOCKS, windows.n_frames // (10 * (windows.window + 1)))
    if n_blocks < MIN_BLOCKS:
        return [None] * n_classes
    chosen = pairs.mode >= 0
    block = hops.frame[pairs.arrival[chosen]] * n_blocks // windows.n_frames
    counts = np.bincount(pairs.mode[chosen] * n_blocks + block, minlength=n_classes * n_blocks)
    return [dispersion_of(row) for row in counts.reshape(n_classes, n_blocks)]


def _null_excess(
    hops: Hops, classes: PathClasses, windows: LagWindows, n_carriers: int, seed: int
) -> FloatArray | None:
    """Return the mean excess when the hops of every carrier are turned round the run by a random time."""
    ratio = windows.side_ratio
    if ratio is None:
        return None
    rng = np.random.default_rng(seed)
    lags = np.arange(-windows.reach, windows.reach + 1)
    total = np.zeros(len(classes.modes))
    for _ in range(N_SURROGATES):
        shift = rng.integers(windows.n_frames - 1, size=n_carriers)
        frame = (hops.frame - 1 + shift[hops.carrier]) % (windows.n_frames - 1) + 1
        turned = Hops(frame, hops.carrier, hops.origin, hops.destination)
        histogram = HopJoin(turned, classes, windows.reach).lag_histogram()
        raw = histogram[:, np.abs(lags) <= windows.window].sum(axis=1)
        total += raw - histogram[:, windows.in_side(lags)].sum(axis=1) / ratio
    return total / N_SURROGATES


def _bin_lags(histogram: IntArray, windows: LagWindows) -> tuple[FloatArray, IntArray]:
    """Return the histogram in bins of an odd number of frames, about half a window, one bin centred on zero."""
    width = 2 * (windows.window // 4) + 1
    n_side = -(-max(0, windows.reach - width // 2) // width)
    padding = n_side * width + width // 2 - windows.reach
    binned = np.pad(histogram, padding).reshape(2 * n_side + 1, width).sum(axis=1)
    return np.arange(-n_side, n_side + 1).astype(np.float64) * width, binned

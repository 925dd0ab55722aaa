"""Which site each carrier held when, as runs: all that occupancy, residence times and modes need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class SiteHistory:
    """The run-length encoded site of every carrier.

    Carrier ``i`` holds ``sites[k]`` from frame ``starts[k]`` on, ``k`` from ``offsets[i]`` to ``offsets[i + 1] - 1``.

    :param n_frames: frames of the trajectory.
    :param frame_interval_ps: time between frames in ps.
    :param labels: label of each site, length ``n_sites``.
    :param offsets: first run of each carrier and the number of runs, shape ``(n_carriers + 1,)``.
    :param starts: first frame of each run, shape ``(n_runs,)``.
    :param sites: site of each run, shape ``(n_runs,)``.
    :raises ValueError: if a carrier does not begin at frame 0, or runs are out of order, repeated or out of range.
    """

    n_frames: int
    frame_interval_ps: float
    labels: tuple[str, ...]
    offsets: IntArray
    starts: IntArray
    sites: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.n_frames < 1 or not self.frame_interval_ps > 0:
            raise ValueError(
                f"a history needs frames and a positive interval, got {self.n_frames}, {self.frame_interval_ps} ps"
            )
        n_runs = len(self.starts)
        if len(self.sites) != n_runs or len(self.offsets) < 2 or self.offsets[0] != 0 or self.offsets[-1] != n_runs:
            raise ValueError("offsets, starts and sites of a history disagree")
        if (np.diff(self.offsets) < 1).any() or (self.starts[self.offsets[:-1]] != 0).any():
            raise ValueError("every carrier of a history must hold a site from frame 0 on")
        inner = self.is_arrival[1:]
        if (np.diff(self.starts)[inner] < 1).any() or self.starts.max() >= self.n_frames:
            raise ValueError(f"the runs of a carrier must be in order and begin before frame {self.n_frames}")
        if (np.diff(self.sites)[inner] == 0).any():
            raise ValueError("successive runs of a carrier must be on different sites")
        if self.sites.min() < 0 or self.sites.max() >= self.n_sites:
            raise ValueError(f"sites must lie between 0 and {self.n_sites - 1}")

    @property
    def n_carriers(self) -> int:
        """Return the number of carriers."""
        return len(self.offsets) - 1

    @property
    def n_sites(self) -> int:
        """Return the number of sites."""
        return len(self.labels)

    @property
    def n_hops(self) -> int:
        """Return the number of changes of site."""
        return len(self.starts) - self.n_carriers

    @property
    def duration_ps(self) -> float:
        """Return the time between the first and the last frame in ps."""
        return (self.n_frames - 1) * self.frame_interval_ps

    @property
    def carriers(self) -> IntArray:
        """Return the carrier of each run."""
        return np.repeat(np.arange(self.n_carriers), np.diff(self.offsets))

    @property
    def is_arrival(self) -> NDArray[np.bool_]:
        """Return whether a run begins with a hop, as all but each carrier's first do."""
        arrival = np.ones(len(self.starts), dtype=bool)
        arrival[self.offsets[:-1]] = False
        return arrival

    @property
    def ends(self) -> IntArray:
        """Return the frame at which each run has ended; ``n_frames`` for the last of each carrier."""
        ends = np.append(self.starts[1:], self.n_frames)
        ends[self.offsets[1:] - 1] = self.n_frames
        return ends

    @classmethod
    def from_dense(cls, sites: NDArray[Any], frame_interval_ps: float, labels: tuple[str, ...]) -> SiteHistory:
        """Return the history of sites given for every frame, shape ``(n_frames, n_carriers)``."""
        builder = SiteHistoryBuilder(labels, frame_interval_ps)
        builder.append(sites)
        return builder.finish()

    def to_dense(self) -> NDArray[np.int32]:
        """Return the site of every carrier at every frame, shape ``(n_frames, n_carriers)``."""
        repeated = np.repeat(self.sites, self.ends - self.starts)
        return np.ascontiguousarray(repeated.reshape(self.n_carriers, self.n_frames).T)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return arrays without Python objects, fit for an npz file; :meth:`from_arrays` rebuilds the history."""
        return {
            "n_frames": np.array(self.n_frames, dtype=np.int64),
            "frame_interval_ps": np.array(self.frame_interval_ps, dtype=np.float64),
            "labels": np.array(self.labels, dtype=np.str_),
            "offsets": self.offsets,
            "starts": self.starts,
            "sites": self.sites,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SiteHistory:
        """Return the history stored by :meth:`to_arrays`; a mapping such as an open npz file will do."""
        return cls(
            n_frames=int(arrays["n_frames"]),
            frame_interval_ps=float(arrays["frame_interval_ps"]),
            labels=tuple(str(label) for label in arrays["labels"]),
            offsets=np.asarray(arrays["offsets"], dtype=np.int64),
            starts=np.asarray(arrays["starts"], dtype=np.int64),
            sites=np.asarray(arrays["sites"], dtype=np.int32),
        )

    def raster(self, label_order: tuple[str, ...] | None = None, stride: int = 1) -> NDArray[np.int16]:
        """Return how many carriers each site holds at every ``stride``-th frame.

        :param label_order: order of the labels from the first row on; rows of one label keep the order of the sites.
        :return: shape ``(n_sites, ceil(n_frames / stride))``.
        :raises ValueError: if ``label_order`` lacks a label.
        """
        order = label_order or tuple(dict.fromkeys(self.labels))
        if missing := sorted(set(self.labels) - set(order)):
            raise ValueError(f"label_order must name every label, it lacks {', '.join(missing)}")
        rank = {label: place for place, label in enumerate(order)}
        row = np.empty(self.n_sites, dtype=np.int64)
        row[np.argsort([rank[label] for label in self.labels], kind="stable")] = np.arange(self.n_sites)
        held = np.zeros((self.n_sites, -(-self.n_frames // stride) + 1), dtype=np.int16)
        np.add.at(held, (row[self.sites], -(-self.starts // stride)), 1)
        np.add.at(held, (row[self.sites], -(-self.ends // stride)), -1)
        return np.cumsum(held, axis=1, dtype=np.int16, out=held)[:, :-1]

    @property
    def multiple_occupancy_fraction(self) -> float:
        """Return the fraction of the carriers' time spent on a site that another carrier holds too.

        Voronoi cells of sites are wide enough for two; where this is not small, hops are not moves to a free site.
        """
        # Arrivals at and departures from all sites, each in the order of sites and then of frames.
        span = self.n_frames + 1
        arrivals, departures = (np.sort(self.sites * np.int64(span) + frames) for frames in (self.starts, self.ends))
        return float(_shared_frames(arrivals, departures, span) / (self.n_frames * self.n_carriers))


class SiteHistoryBuilder:
    """Encodes sites chunk by chunk of frames; memory grows with the number of hops, not of frames.

    :param labels: label of each site.
    :param frame_interval_ps: time between frames in ps.
    """

    def __init__(self, labels: tuple[str, ...], frame_interval_ps: float) -> None:
        self._labels = tuple(labels)
        self._frame_interval_ps = frame_interval_ps
        self._n_frames = 0
        self._last: NDArray[np.int32] | None = None
        self._runs: list[tuple[IntArray, IntArray, NDArray[np.int32]]] = []

    def append(self, sites: NDArray[Any]) -> None:
        """Add the sites of the next frames, shape ``(n_frames, n_carriers)``.

        :raises ValueError: if the number of carriers changes.
        """
        sites = np.asarray(sites, dtype=np.int32)
        if sites.ndim != 2 or (self._last is not None and sites.shape[1] != len(self._last)):
            raise ValueError(
                f"sites must have the shape (n_frames, n_carriers) with the same carriers, got {sites.shape}"
            )
        if not len(sites):
            return
        before = np.full(sites.shape[1], -1, dtype=np.int32) if self._last is None else self._last
        changed = np.empty(sites.shape, dtype=bool)
        changed[0] = sites[0] != before
        changed[1:] = sites[1:] != sites[:-1]
        frame, carrier = np.nonzero(changed)
        self._runs.append((carrier, frame + self._n_frames, sites[frame, carrier]))
        self._last = sites[-1].copy()
        self._n_frames += len(sites)

    def finish(self) -> SiteHistory:
        """Return the history of all frames added.

        :raises ValueError: if there are none.
        """
        if self._last is None:
            raise ValueError("a history needs at least one frame")
        carrier, frame, site = (np.concatenate(column) for column in zip(*self._runs, strict=True))
        # The runs came in the order of their frames: only the carriers are to be sorted.
        order = np.argsort(carrier, kind="stable")
        return SiteHistory(
            n_frames=self._n_frames,
            frame_interval_ps=self._frame_interval_ps,
            labels=self._labels,
            offsets=np.searchsorted(carrier[order], np.arange(len(self._last) + 1)).astype(np.int64),
            starts=frame[order].astype(np.int64),
            sites=site[order],
        )


@njit(cache=True, nogil=True)
def _shared_frames(arrivals, departures, span):  # type: ignore[no-untyped-def]
    """Return the frames that carriers spent in company, added up over carriers; keys are ``site * span + frame``."""
    shared, occupants, last = 0, 0, 0
    arrival = departure = 0
    while departure < len(departures):
        # Whoever leaves a site in the frame in which another enters it has gone before.
        leaves = arrival == len(arrivals) or departures[departure] <= arrivals[arrival]
        now = departures[departure] if leaves else arrivals[arrival]
        if occupants > 1:
            shared += occupants * (now - last)
        last = now
        if leaves:
            occupants, departure = occupants - 1, departure + 1
        else:
            occupants, arrival = occupants + 1, arrival + 1
    return shared

"""One concerted event taken out of a run: the two carriers, the sites of their path, and what is around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.hops import Hops, drop_recrossings
from aiida_concerted.analysis.modes import hops_along_edges
from aiida_concerted.analysis.pairs import HopJoin, PathClasses, match_one_to_one
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MARGIN_PS = 1.5
"""Time shown before the first hop and after the second."""

RADIUS_A = 6.0
MAX_FRAMES = 80


@dataclass(frozen=True)
class EventPlace:
    """When and where an event happened.

    :param mode: class ``A-B-C``.
    :param carriers: the one that goes from A to B and the one that goes from B to C.
    :param sites: A, B and C in the run's cell.
    :param frames: frame of each hop, in the order of ``carriers``.
    """

    mode: str
    carriers: tuple[int, int]
    sites: tuple[int, int, int]
    frames: tuple[int, int]

    @property
    def middle_frame(self) -> int:
        """Return the frame half way between the hops."""
        return (self.frames[0] + self.frames[1]) // 2


@dataclass(frozen=True)
class ConcertedEvent:
    """An event with everything around it; places are in Å relative to the site B, time is zero half way.

    :param mode: class ``A-B-C``.
    :param labels: labels of A, B and C in the direction in which the event went.
    :param time_ps: shape ``(n_frames,)``.
    :param hop_ps: when the nearest site of each of the two carriers changed.
    :param movers: the two carriers, shape ``(n_frames, 2, 3)``.
    :param others: other carriers nearby, shape ``(n_frames, n_others, 3)``.
    :param path: the sites A, B and C, shape ``(3, 3)``.
    :param sites: all sites nearby, shape ``(n_sites, 3)``.
    :param site_labels: label of each of them.
    :param framework: atoms of the framework nearby, at the middle of the event, shape ``(n_framework, 3)``.
    :param framework_species: element of each of them.
    """

    mode: str
    labels: tuple[str, str, str]
    time_ps: FloatArray
    hop_ps: tuple[float, float]
    movers: FloatArray
    others: FloatArray
    path: FloatArray
    sites: FloatArray
    site_labels: tuple[str, ...]
    framework: FloatArray
    framework_species: tuple[str, ...]

    @property
    def progress(self) -> FloatArray:
        """Return how far each carrier has come from its site, 0, to the next, 1; shape ``(n_frames, 2)``."""
        ways = np.diff(self.path, axis=0)
        done = np.einsum("fkx,kx->fk", self.movers - self.path[None, :2], ways)
        return np.asarray(done / np.einsum("kx,kx->k", ways, ways))


def choose_event(
    history: SiteHistory, placed: PlacedNetwork, *, window_ps: float, recrossing_ps: float, settled_ps: float = 1.0
) -> EventPlace | None:
    """Return a clear event of the most frequent named mode; ``None`` where there is none.

    Clear is one whose carriers stay where they are before and where they have gone, ``settled_ps`` or as long as any
    do; of those the one whose hops are closest in time. Where no named mode was seen, or none is named, it is one of
    the most frequent class.

    :param history: the sites of the carriers.
    :param placed: the network that the history was made with.
    :param window_ps: longest time between the hops in ps.
    :param recrossing_ps: dwell time of the recrossing rule in ps.
    :param settled_ps: time in ps beyond which a longer stay makes no event clearer.
    """
    counted = drop_recrossings(history, recrossing_ps)
    hops = hops_along_edges(counted, placed)
    classes = PathClasses.of(placed, tuple(placed.network.paths_per_cell()))
    pairs = HopJoin(hops, classes, round(window_ps / history.frame_interval_ps + 1e-9)).pairs()
    matched = np.flatnonzero(match_one_to_one(pairs, len(hops)))
    if not len(matched):
        return None
    modes = pairs.mode[matched]
    named = [number for number, label in enumerate(classes.modes) if label in placed.network.modes]
    candidates = modes[np.isin(modes, named)] if np.isin(modes, named).any() else modes
    chosen = matched[modes == np.bincount(candidates).argmax()]
    stays = _shortest_stay(counted, hops, pairs.arrival[chosen], pairs.departure[chosen])
    middle = (hops.frame[pairs.arrival[chosen]] + hops.frame[pairs.departure[chosen]]) / 2
    settled = np.minimum(stays, settled_ps / history.frame_interval_ps)
    rank = np.lexsort((np.abs(middle - history.n_frames / 2), np.abs(pairs.lag[chosen]), -settled))
    pair = chosen[rank[0]]
    return _place(hops, int(pairs.arrival[pair]), int(pairs.departure[pair]), classes.modes[pairs.mode[pair]])


def _shortest_stay(counted: SiteHistory, hops: Hops, *both: IntArray) -> IntArray:
    """Return the shortest of the stays before and after the hops of each event, in frames."""
    span = counted.n_frames + 1
    arrivals = np.flatnonzero(counted.is_arrival)
    keys = counted.carriers[arrivals] * span + counted.starts[arrivals]
    lengths = counted.ends - counted.starts
    found = []
    for chosen in both:
        stay = arrivals[np.searchsorted(keys, hops.carrier[chosen] * span + hops.frame[chosen])]
        found += [lengths[stay - 1], lengths[stay]]
    return np.asarray(np.min(found, axis=0))


def _place(hops: Hops, arrival: int, departure: int, mode: str) -> EventPlace:
    return EventPlace(
        mode=mode,
        carriers=(int(hops.carrier[arrival]), int(hops.carrier[departure])),
        sites=(int(hops.origin[arrival]), int(hops.destination[arrival]), int(hops.destination[departure])),
        frames=(int(hops.frame[arrival]), int(hops.frame[departure])),
    )


def cut_out(trajectory: Trajectory, placed: PlacedNetwork, event: EventPlace) -> ConcertedEvent:
    """Return an event with its surroundings, in the frame of the framework.

    :param trajectory: the run that the history was made from, or its beginning as far as the event.
    :param placed: the sites in the run's cell.
    :param event: when and where.
    """
    interval, middle = trajectory.frame_interval_ps, event.middle_frame
    reach = round(MARGIN_PS / interval) + abs(event.frames[0] - event.frames[1])
    first, last = max(middle - reach, 0), min(middle + reach, trajectory.n_frames - 1)
    step = max(1, -(-(last - first + 1) // MAX_FRAMES))
    carriers = np.asarray(trajectory.relative_to_framework()[first : last + 1])[::step]
    now = min(max((middle - first) // step, 0), len(carriers) - 1)
    centre = placed.positions[event.sites[1]]
    inverse = np.asarray(np.linalg.inv(placed.cell), dtype=np.float64)
    relative = carriers - centre
    # Every carrier stays in the copy of the cell that puts it nearest to B in the middle of the event.
    relative = relative - np.rint(relative[now] @ inverse) @ placed.cell
    movers = list(event.carriers)
    near = np.linalg.norm(relative[now], axis=1) < RADIUS_A
    near[movers] = False
    path = _nearest_copies(placed.positions[list(event.sites)] - centre, inverse, placed.cell)
    sites = _nearest_copies(placed.positions - centre, inverse, placed.cell)
    close = np.linalg.norm(sites, axis=1) < RADIUS_A
    framework, species = _framework_near(trajectory, middle, centre, inverse)
    labels = tuple(placed.labels[site] for site in event.sites)
    return ConcertedEvent(
        mode=event.mode,
        labels=(labels[0], labels[1], labels[2]),
        time_ps=np.asarray((first + step * np.arange(len(carriers)) - middle) * interval, dtype=np.float64),
        hop_ps=((event.frames[0] - middle) * interval, (event.frames[1] - middle) * interval),
        movers=relative[:, movers],
        others=relative[:, near],
        path=path,
        sites=sites[close],
        site_labels=tuple(label for label, chosen in zip(placed.labels, close, strict=True) if chosen),
        framework=framework,
        framework_species=species,
    )


def _nearest_copies(places: FloatArray, inverse: FloatArray, cell: FloatArray) -> FloatArray:
    return np.asarray(places - np.rint(places @ inverse) @ cell)


def _framework_near(
    trajectory: Trajectory, frame: int, centre: FloatArray, inverse: FloatArray
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return places relative to a centre and elements of the framework's atoms near it, at the stored frame before."""
    if trajectory.framework is None:
        return np.empty((0, 3)), ()
    stored = min(frame // trajectory.framework_stride, trajectory.framework.shape[0] - 1)
    atoms = np.asarray(trajectory.framework[stored : stored + 1])[0]
    if trajectory.framework_displacement is not None:
        atoms = atoms - trajectory.framework_displacement[stored * trajectory.framework_stride]
    places = _nearest_copies(atoms - centre, inverse, trajectory.cell)
    close = np.linalg.norm(places, axis=1) < RADIUS_A
    species = tuple(element for element, chosen in zip(trajectory.framework_species, close, strict=True) if chosen)
    return places[close], species

"""Site networks, trajectories and histories whose hops, residence times and concerted events are known."""

from __future__ import annotations

import numpy as np

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.sites import SiteNetwork


def ring(n_cells: int = 40, labels: tuple[str, ...] = ("A", "B"), spacing_A: float = 3.0) -> PlacedNetwork:
    """Return a one-dimensional chain of sites with cyclic labels, far from its images in the other directions."""
    n = len(labels)
    fractional = np.zeros((n, 3))
    fractional[:, 0] = np.arange(n) / n
    network = SiteNetwork("ring", labels, fractional, np.diag([n * spacing_A, 20.0, 20.0]))
    return place_network(network, np.diag([n_cells * n * spacing_A, 20.0, 20.0]))


def exponential_residence(
    rng: np.random.Generator, n_carriers: int, n_frames: int, mean_frames: float, n_sites: int
) -> np.ndarray:
    """Return sites, ``(n_frames, n_carriers)``, of carriers that hop along a ring after exponential waits."""
    hops = rng.random((n_frames, n_carriers)) < -np.expm1(-1.0 / mean_frames)
    hops[0] = False
    return (np.cumsum(hops, axis=0) + rng.integers(n_sites, size=n_carriers)) % n_sites


def planted_events(
    rng: np.random.Generator, placed: PlacedNetwork, n_frames: int, n_concerted: int, n_single: int, spread: int
) -> np.ndarray:
    """Return a history of carriers on disjoint tracks in which pairs push each other, and others hop alone.

    Each concerted event uses two fresh carriers: the first enters the site the second leaves, within ``spread`` frames.
    Each single hop uses one fresh carrier at a uniform time. Sites may be shared: accidental coincidences are Poisson.
    """
    n = placed.n_sites
    tracks = []
    for _ in range(n_concerted):
        middle = int(rng.integers(n))
        time = int(rng.integers(spread + 1, n_frames - spread - 1))
        other = time + int(rng.integers(-spread, spread + 1))
        tracks += [((middle - 1) % n, middle, time), (middle, (middle + 1) % n, other)]
    for _ in range(n_single):
        start = int(rng.integers(n))
        tracks.append((start, (start + int(rng.choice([-1, 1]))) % n, int(rng.integers(1, n_frames))))
    sites = np.empty((n_frames, len(tracks)), dtype=np.int32)
    for carrier, (origin, destination, time) in enumerate(tracks):
        sites[:time, carrier], sites[time:, carrier] = origin, destination
    return sites


def history_of(sites: np.ndarray, placed: PlacedNetwork, frame_interval_ps: float = 0.1) -> SiteHistory:
    """Return the history of dense sites on a placed network."""
    return SiteHistory.from_dense(sites, frame_interval_ps, placed.labels)


def thermal_positions(
    rng: np.random.Generator, placed: PlacedNetwork, sites: np.ndarray, amplitude_A: float = 0.2
) -> np.ndarray:
    """Return unwrapped positions of carriers that vibrate about the sites of a dense history, hops by minimum image."""
    inverse = np.linalg.inv(placed.cell)
    steps = np.diff(placed.positions[sites], axis=0) @ inverse
    steps -= np.rint(steps)
    first = placed.positions[sites[0]] @ inverse
    fractional = np.concatenate([first[None], first[None] + np.cumsum(steps, axis=0)])
    return fractional @ placed.cell + rng.normal(scale=amplitude_A, size=(*sites.shape, 3))


def lattice_gas(
    rng: np.random.Generator, placed: PlacedNetwork, probability: float, n_frames: int, n_carriers: int
) -> np.ndarray:
    """Return the sites of carriers, ``(n_frames, n_carriers)``; each tries a hop per frame with the given probability.

    A carrier that finds its neighbour taken pushes it on to a free site, which makes concerted events.
    """
    neighbours = [placed.edges[placed.edges[:, 0] == site, 1] for site in range(placed.n_sites)]
    held = rng.permutation(placed.n_sites)[:n_carriers]
    owner = np.full(placed.n_sites, -1)
    owner[held] = np.arange(n_carriers)

    def move(carrier: int, target: int) -> None:
        owner[held[carrier]], owner[target], held[carrier] = -1, carrier, target

    frames = [held.copy()]
    for _ in range(n_frames - 1):
        for carrier in np.flatnonzero(rng.random(n_carriers) < probability):
            target = int(rng.choice(neighbours[held[carrier]]))
            other = owner[target]
            if other >= 0:
                free = [site for site in neighbours[target] if owner[site] < 0]
                if not free:
                    continue
                move(other, int(rng.choice(free)))
            move(carrier, target)
        frames.append(held.copy())
    return np.array(frames)

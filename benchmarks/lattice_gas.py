"""A lattice gas on a network of sites: single hops, planted pushes of two carriers, vibrations; written as it goes.

Kinetic Monte Carlo with rejection. A single hop A→B needs B free; a push A→B, B→C needs A and B held by two carriers
and C free, and its two hops follow each other within a spread of frames, either first. All sites have one energy and
each process the rate of its reverse, so that every arrangement of carriers is equally likely at any temperature: the
rate of a planted mode is known in closed form, and its activation energy is exactly the planted one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.hops import Hops
from aiida_concerted.analysis.pairs import PathClasses
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.cells import cell_heights
from aiida_concerted.formats.h5md import H5mdHeader
from aiida_concerted.formats.h5md_writer import H5mdWriter
from aiida_concerted.materials import load_site_model

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

BLOCK_BYTES = 1 << 26
"""Positions made at once."""

FRAMEWORK_AMPLITUDE_A = 0.1
DRIFT_A_PER_PS = np.array([0.0007, -0.0004, 0.0009])
"""Velocity of the whole crystal, which an analysis has to take off."""


@dataclass(frozen=True)
class Rates:
    """Rates in ps⁻¹.

    :param single: of a hop along each directed edge.
    :param pushes: of a push along each directed path of a class ``A-B-C``.
    """

    single: float
    pushes: Mapping[str, float] = field(default_factory=dict)


class LatticeGas:
    """Carriers on the sites of a placed network.

    :param placed: sites and edges.
    :param n_carriers: carriers, fewer than sites.
    :param rates: rates of the processes.
    :param frame_interval_ps: time between frames in ps.
    :param spread_ps: longest time in ps between the two hops of a push.
    :param seed: of the one random stream.
    :raises ValueError: if there is no free site, the cell is too narrow for hops to be unambiguous, or a class of
        pushes is not one of the network.
    """

    def __init__(
        self,
        placed: PlacedNetwork,
        n_carriers: int,
        rates: Rates,
        *,
        frame_interval_ps: float = 0.1,
        spread_ps: float = 0.5,
        seed: int = 0,
    ) -> None:
        if not 0 < n_carriers < placed.n_sites:
            raise ValueError(
                f"carriers must be fewer than the {placed.n_sites} sites and at least one, got {n_carriers}"
            )
        if cell_heights(placed.cell).min() < 2.0 * placed.network.max_edge_A:
            raise ValueError("the cell is narrower than two hops: a hop and its image could not be told apart")
        self.placed, self.rates, self.frame_interval_ps = placed, rates, frame_interval_ps
        self.n_carriers, self.n_frames = n_carriers, 0
        self.spread = round(spread_ps / frame_interval_ps)
        self.rng = np.random.default_rng(seed)
        self.processes, self.process_rates = _processes(placed, rates)
        self.start = self.rng.permutation(placed.n_sites)[:n_carriers].astype(np.int64)
        self._site = self.start.copy()
        self._holder = np.full(placed.n_sites, -1, dtype=np.int64)
        self._holder[self.start] = np.arange(n_carriers)
        self._busy = np.full(n_carriers, -1, dtype=np.int64)
        self._later = np.empty((0, 4), dtype=np.int64)

    def advance(self, n_frames: int) -> Hops:
        """Return the hops of the next frames, in order of time; frames are counted from the beginning of the run."""
        first, last = self.n_frames, self.n_frames + n_frames
        expected = sum(rate * len(paths) for rate, paths in zip(self.process_rates, self.processes, strict=True))
        n_attempts = int(self.rng.poisson(expected * self.frame_interval_ps * n_frames))
        frames = np.sort(self.rng.integers(max(first, 1), max(last, 2), size=n_attempts))
        paths = self._draw_paths(n_attempts)
        lags = self.rng.integers(-self.spread, self.spread + 1, size=n_attempts)
        rows = np.empty((2 * n_attempts, 4), dtype=np.int64)
        n_rows = _attempt(frames, paths, lags, self._site, self._holder, self._busy, rows)
        rows = np.concatenate([self._later, rows[:n_rows]])
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        self._later = rows[rows[:, 0] >= last]
        self.n_frames = last
        return Hops(*np.ascontiguousarray(rows[rows[:, 0] < last].T))

    def _draw_paths(self, n: int) -> IntArray:
        """Return ``n`` processes as sites A, B, C; C is -1 for a single hop."""
        weights = np.array([rate * len(paths) for rate, paths in zip(self.process_rates, self.processes, strict=True)])
        kinds = self.rng.choice(len(weights), size=n, p=weights / weights.sum()) if n else np.empty(0, dtype=int)
        drawn = np.empty((n, 3), dtype=np.int64)
        for kind, paths in enumerate(self.processes):
            chosen = kinds == kind
            drawn[chosen] = paths[self.rng.integers(len(paths), size=np.count_nonzero(chosen))]
        return drawn

    def history(self, n_frames: int) -> SiteHistory:
        """Return the sites of all carriers over a run of ``n_frames``, begun here."""
        self._check_fresh()
        hops = self.advance(n_frames)
        carrier = np.concatenate([np.arange(self.n_carriers), hops.carrier])
        frame = np.concatenate([np.zeros(self.n_carriers, dtype=np.int64), hops.frame])
        site = np.concatenate([self.start, hops.destination])
        order = np.lexsort((frame, carrier))
        offsets = np.searchsorted(carrier[order], np.arange(self.n_carriers + 1))
        return SiteHistory(
            n_frames, self.frame_interval_ps, self.placed.labels, offsets, frame[order], site[order].astype(np.int32)
        )

    def blocks(self, n_frames: int, amplitude_A: float) -> Iterator[tuple[NDArray[np.float32], Hops]]:
        """Yield unwrapped positions relative to the framework, ``(n, n_carriers, 3)`` in Å, and the hops in them.

        :param n_frames: frames of the whole run.
        :param amplitude_A: standard deviation of the vibration along each axis, white in time.
        """
        self._check_fresh()
        centres = self.placed.positions[self.start]
        step = max(1, BLOCK_BYTES // (12 * self.n_carriers))
        for first in range(0, n_frames, step):
            size = min(step, n_frames - first)
            hops = self.advance(size)
            shifts = _nearest_image(
                self.placed.positions[hops.destination] - self.placed.positions[hops.origin], self.placed.cell
            )
            positions = np.empty((size, self.n_carriers, 3), dtype=np.float32)
            _draw_positions(self.rng, hops.frame - first, hops.carrier, shifts, centres, amplitude_A, positions)
            yield positions, hops

    def _check_fresh(self) -> None:
        if self.n_frames:
            raise ValueError("the gas has moved already: a run begins with a new gas")

    def expected_frequency(self, mode: str) -> float:
        """Return the planted pushes of a class per site cell and ps, were carriers never busy with another hop."""
        occupied, sites = self.n_carriers, self.placed.n_sites
        possible = occupied * (occupied - 1) * (sites - occupied) / (sites * (sites - 1) * (sites - 2))
        return 2.0 * self.placed.network.n_paths_per_cell(mode) * self.rates.pushes[mode] * possible


def _processes(placed: PlacedNetwork, rates: Rates) -> tuple[list[IntArray], list[float]]:
    """Return the sites of every single hop and of the pushes of each class, and the rate of each."""
    known = placed.network.paths_per_cell()
    if unknown := sorted(set(rates.pushes) - set(known)):
        raise ValueError(f"the network has no path {', '.join(unknown)}, only {', '.join(known)}")
    singles = np.column_stack([placed.edges, np.full(len(placed.edges), -1)])
    paths = _directed_paths(placed)
    kinds = PathClasses.of(placed, tuple(rates.pushes))
    classes = kinds.table[tuple(kinds.site_kind[paths].T)]
    pushes = [paths[classes == number] for number in range(len(rates.pushes))]
    return [singles, *pushes], [rates.single, *rates.pushes.values()]


def _directed_paths(placed: PlacedNetwork) -> IntArray:
    """Return every path A→B→C along edges with C not A, shape ``(n_paths, 3)``."""
    first, middle = placed.edges.T
    starts = np.searchsorted(first, np.arange(placed.n_sites + 1))
    numbers = np.diff(starts)[middle]
    edge = np.repeat(np.arange(len(first)), numbers)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    paths = np.column_stack([first[edge], middle[edge], middle[starts[middle[edge]] + place]])
    return paths[paths[:, 0] != paths[:, 2]]


def _nearest_image(vectors: FloatArray, cell: FloatArray) -> FloatArray:
    fractional = vectors @ np.linalg.inv(cell)
    return (fractional - np.rint(fractional)) @ cell


@njit(cache=True)
def _attempt(frames, paths, lags, site, holder, busy, rows):  # type: ignore[no-untyped-def]
    """Try the processes in order of time; write each hop as (frame, carrier, origin, destination), return how many."""
    n = 0
    for attempt in range(len(frames)):
        a, b, c = paths[attempt]
        frame = frames[attempt]
        mover = holder[a]
        if mover < 0 or busy[mover] >= frame:
            continue
        if c < 0:
            if holder[b] >= 0:
                continue
            rows[n] = frame, mover, a, b
            holder[a], holder[b], site[mover], busy[mover] = -1, mover, b, frame
            n += 1
            continue
        pushed = holder[b]
        if pushed < 0 or busy[pushed] >= frame or holder[c] >= 0:
            continue
        later = frame + abs(lags[attempt])
        rows[n] = (later if lags[attempt] > 0 else frame), mover, a, b
        rows[n + 1] = (later if lags[attempt] < 0 else frame), pushed, b, c
        holder[a], holder[b], holder[c] = -1, mover, pushed
        site[mover], site[pushed] = b, c
        busy[mover] = busy[pushed] = later
        n += 2
    return n


@njit(cache=True)
def _draw_positions(rng, frame, carrier, shifts, centres, amplitude, positions):  # type: ignore[no-untyped-def]
    """Write vibrating positions about the centres, which move on with the hops."""
    hop = 0
    for t in range(positions.shape[0]):
        while hop < len(frame) and frame[hop] == t:
            for axis in range(3):
                centres[carrier[hop], axis] += shifts[hop, axis]
            hop += 1
        for i in range(positions.shape[1]):
            for axis in range(3):
                positions[t, i, axis] = centres[i, axis] + amplitude * rng.standard_normal()


@dataclass(frozen=True)
class RunSummary:
    """What was planted in a written run.

    :param n_frames: frames.
    :param n_atoms: atoms, framework included.
    :param n_hops: hops of carriers.
    :param n_bytes: size of the file.
    """

    n_frames: int
    n_atoms: int
    n_hops: int
    n_bytes: int


def lgps_gas(
    repeat: tuple[int, int, int] = (3, 3, 2), *, single: float = 2e-3, push: float = 5e-4, seed: int = 0
) -> LatticeGas:
    """Return the gas of 20 lithium ions a cell on the sites of Li10GeP2S12, every named mode planted at one rate."""
    network = load_site_model("lgps").network()
    placed = place_network(network, np.diag(repeat) @ network.cell)
    rates = Rates(single, dict.fromkeys(network.modes, push))
    return LatticeGas(placed, 20 * placed.n_cells, rates, seed=seed)


def grid_network(spacing_A: float = 3.0) -> SiteNetwork:
    """Return a simple cubic network with two labels in alternation, eight sites and one framework atom a cell."""
    corners = np.indices((2, 2, 2)).reshape(3, -1).T
    labels = tuple("AB"[int(corner.sum()) % 2] for corner in corners)
    return SiteNetwork(
        "grid",
        labels,
        corners / 2.0,
        np.diag([2.0 * spacing_A] * 3),
        max_edge_A=1.2 * spacing_A,
        framework_elements=(("S",),),
        framework_fractional=np.full((1, 3), 0.25),
    )


def framework_of(placed: PlacedNetwork) -> tuple[FloatArray, tuple[str, ...]]:
    """Return resting positions in Å and elements of the framework; of two elements on a site each takes every other."""
    network = placed.network
    units = placed.supercell.translations[:, None, :] + network.framework_fractional[None]
    positions = units.reshape(-1, 3) @ np.linalg.inv(placed.supercell.matrix) @ placed.cell
    elements = [
        choices[(cell + number) % len(choices)]
        for cell in range(placed.n_cells)
        for number, choices in enumerate(network.framework_elements)
    ]
    return positions, tuple(elements)


def write_run(
    path: Path,
    gas: LatticeGas,
    n_frames: int,
    *,
    amplitude_A: float = 0.3,
    framework_stride: int = 100,
    temperature_K: float = 600.0,
) -> RunSummary:
    """Write a run in the H5MD layout, in memory bounded by one block of frames, and return what is in it.

    :param path: file to be made.
    :param gas: a gas that has not moved yet.
    :param n_frames: frames of the run.
    :param amplitude_A: standard deviation of the carriers' vibration along each axis.
    :param framework_stride: frames from one stored framework to the next.
    :param temperature_K: stored with the run; it does not act on the rates.
    """
    rest, species = framework_of(gas.placed)
    header = H5mdHeader(
        carrier="Li",
        carrier_ids=np.arange(gas.n_carriers),
        framework_species=species,
        framework_ids=gas.n_carriers + np.arange(len(species)),
        cell=gas.placed.cell,
        frame_interval_ps=gas.frame_interval_ps,
        framework_stride=framework_stride,
        temperature_K=temperature_K,
    )
    n_hops, first = 0, 0
    crystal = _Crystal(rest, framework_stride, gas)
    with H5mdWriter(path, header) as writer:
        for positions, hops in gas.blocks(n_frames, amplitude_A):
            framework, displacement = crystal.frames(first, len(positions))
            positions += (displacement + crystal.start)[:, None, :].astype(np.float32)
            writer.append(positions, displacement)
            if len(framework):
                writer.append_framework(framework)
            n_hops, first = n_hops + len(hops), first + len(positions)
    return RunSummary(n_frames, header.n_atoms, n_hops, path.stat().st_size)


class _Crystal:
    """A drifting, vibrating framework, drawn where it is stored; elsewhere only its mean, with the same scatter."""

    def __init__(self, rest: FloatArray, stride: int, gas: LatticeGas) -> None:
        self.rest, self.stride, self.rng = rest, stride, gas.rng
        self.interval_ps = gas.frame_interval_ps
        self.start = np.zeros(3)

    def frames(self, first: int, size: int) -> tuple[FloatArray, FloatArray]:
        """Return the stored frameworks among the frames, and the mean displacement since frame 0 at every frame."""
        numbers = np.arange(first, first + size)
        drift = numbers[:, None] * self.interval_ps * DRIFT_A_PER_PS
        mean = self.rng.normal(scale=FRAMEWORK_AMPLITUDE_A / np.sqrt(len(self.rest)), size=(size, 3))
        stored = np.flatnonzero(numbers % self.stride == 0)
        noise = self.rng.normal(scale=FRAMEWORK_AMPLITUDE_A, size=(len(stored), *self.rest.shape))
        mean[stored] = noise.mean(axis=1)
        if first == 0:
            self.start = mean[0].copy()
        framework = self.rest + drift[stored, None, :] + noise
        return framework, drift + mean - self.start


def main() -> None:
    """Write one run of the lithium gas of LGPS."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lattice_gas", description=main.__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--frames", type=int, default=400_000)
    parser.add_argument("--repeat", type=int, nargs=3, default=(3, 3, 2), metavar=("A", "B", "C"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(write_run(options.path, lgps_gas(tuple(options.repeat), seed=options.seed), options.frames))


if __name__ == "__main__":
    main()

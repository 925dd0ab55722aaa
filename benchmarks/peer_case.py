"""The one trajectory that every package is given, and how a job is measured; needs no more than numpy and psutil."""

from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

Answer = dict[str, float]
Work = Callable[[], Answer]

LAG = 1000
"""Frames of the displacement that is compared: 100 ps."""
VAN_HOVE_LAG = 50
N_ORIGINS = 50
N_RDF_FRAMES = 200
R_MAX_A = 8.0
BIN_A = 0.1
SHELL_A = (2.5, 3.5)
"""Shell whose mean density is compared."""
PAIR_WINDOW = 10
VOXEL_A = 0.2


@dataclass(frozen=True)
class Case:
    """A run of carriers on a network.

    :param positions: unwrapped positions of the carriers in Å relative to the framework, ``(n_frames, n, 3)``.
    :param framework: resting positions of the framework in Å, ``(m, 3)``.
    :param cell: orthorhombic lattice vectors as rows in Å.
    :param sites: fractional coordinates of the sites in the cell.
    :param site_cell: unit cell of the network as rows in Å.
    :param planted: site of every carrier at every frame, as planted.
    :param interval_ps: time between frames.
    """

    positions: np.ndarray
    framework: np.ndarray
    cell: np.ndarray
    sites: np.ndarray
    site_cell: np.ndarray
    planted: np.ndarray
    interval_ps: float = 0.1

    @property
    def n_frames(self) -> int:
        """Return the number of frames."""
        return len(self.positions)

    @property
    def n_carriers(self) -> int:
        """Return the number of carriers."""
        return self.positions.shape[1]

    @property
    def lag(self) -> int:
        """Return the compared lag, shorter where the run is."""
        return min(LAG, self.n_frames // 10)

    def first(self, n_frames: int) -> Case:
        """Return the run's beginning."""
        return replace(self, positions=self.positions[:n_frames].copy(), planted=self.planted[:n_frames])

    def fractional(self) -> np.ndarray:
        """Return wrapped fractional coordinates of the carriers."""
        return (self.positions @ np.linalg.inv(self.cell)) % 1.0

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("positions", "framework", "cell", "sites", "site_cell", "planted"):
            np.save(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Case:
        """Return the arrays of a folder."""
        names = ("positions", "framework", "cell", "sites", "site_cell", "planted")
        return cls(**{name: np.load(folder / f"{name}.npy") for name in names})


@dataclass(frozen=True)
class Job:
    """One task done by one package.

    :param prepare: from a case to the work to be timed; package objects are made here, untimed.
    :param n_frames: frames given to it, where all would take too long; ``None`` for all.
    :param share: share of the whole task that the work does; the time is divided by it.
    :param repeats: times that it is run; the best counts.
    :param warm_frames: frames of the untimed first call, which compiles and imports.
    """

    prepare: Callable[[Case], Work]
    n_frames: int | None = None
    share: float = 1.0
    repeats: int = 3
    warm_frames: int = 400


def shell_mean(r: np.ndarray, g: np.ndarray, bounds: tuple[float, float] = SHELL_A) -> float:
    """Return the mean of a radial function over the volume between two radii, from values at the middles of shells."""
    inside = (r > bounds[0]) & (r < bounds[1])
    return float(np.average(g[inside], weights=r[inside] ** 2))


def measure(job: Job, case: Case) -> dict[str, Any]:
    """Return processor seconds of the whole task, growth of resident memory in MB, and the answer.

    Processor time and not that of the clock: other programs on the machine change it little, and threads add to it.
    """
    given = case if job.n_frames is None else case.first(job.n_frames)
    job.prepare(case.first(min(job.warm_frames, given.n_frames)))()
    seconds, clock, growth, answer = [], [], [], {}
    for _ in range(job.repeats):
        work = job.prepare(given)
        gc.collect()
        with _Memory() as memory:
            begin, cpu_begin = time.perf_counter(), time.process_time()
            answer = work()
            seconds.append(time.process_time() - cpu_begin)
            clock.append(time.perf_counter() - begin)
        growth.append(memory.growth_MB)
    return {
        "seconds": min(seconds) / job.share,
        "all_seconds": [value / job.share for value in seconds],
        "clock_seconds": min(clock) / job.share,
        "share": job.share,
        "growth_MB": max(growth),
        "answer": answer,
    }


class _Memory:
    """Samples resident memory from a thread."""

    def __init__(self, every_s: float = 0.005) -> None:
        self._every_s, self._process = every_s, psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self.before = self.peak = 0

    def _sample(self) -> None:
        while not self._stop.wait(self._every_s):
            self.peak = max(self.peak, self._process.memory_info().rss)

    @property
    def growth_MB(self) -> float:
        """Return the largest growth since the beginning."""
        return (self.peak - self.before) / 1e6

    def __enter__(self) -> _Memory:
        self.before = self.peak = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.peak = max(self.peak, self._process.memory_info().rss)
        self._stop.set()
        self._thread.join()


def main(jobs: dict[str, Job]) -> None:
    """Run the job named on the command line on the case of a folder and print the measurement as JSON."""
    name, folder = sys.argv[1:]
    print(json.dumps(measure(jobs[name], Case.load(Path(folder)))))

"""Whether the stated errors are true: every estimator on many synthetic runs whose answer is known.

``python -m benchmarks.coverage`` prints one table; a row whose figure is outside what it must be ends it with status 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_concerted.analysis.diffusion import TransportResult, estimate_diffusivity
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.mode_kinetics import fit_mode_activation
from aiida_concerted.analysis.modes import ModeCount, find_concerted_modes
from aiida_concerted.analysis.placement import PlacedNetwork, place_network
from aiida_concerted.analysis.residence import measure_residence
from aiida_concerted.analysis.van_hove import van_hove
from aiida_concerted.common.estimate import Interval
from aiida_concerted.common.units import BOLTZMANN_EV_PER_K
from aiida_concerted.materials import load_site_model
from benchmarks.lattice_gas import LatticeGas, Rates
from benchmarks.tables import markdown_table, write_between_marks
from tests.synthetic import as_trajectory, random_walkers, rigid_groups, vibration
from tests.synthetic_lattice import exponential_residence

PAGE = Path("docs/topics/coverage.md")
MARK = "coverage"
N_RUNS = 200

INTERVAL_PS = 0.1
DIFFUSIVITY_A2_PS = 0.2
DIFFUSIVITY_M2_S = DIFFUSIVITY_A2_PS * 1e-8
WALKERS = {"independent walkers": 1, "walkers that vibrate by 0.3 Å": 1, "rigid groups of 2": 2, "rigid groups of 4": 4}

TEMPERATURES_K = (500.0, 600.0, 700.0, 800.0, 900.0, 1000.0)
MODE_ENERGY_EV = {
    "Li2-Li3-Li1": 0.20, "Li2-Li3-Li2": 0.25, "Li1-Li3-Li1": 0.22, "Li4-Li1-Li3": 0.17, "Li4-Li1-Li4": 0.28,
}  # fmt: skip
SINGLE_ENERGY_EV = 0.23
HOTTEST_PUSH_PS = 5e-4
HOTTEST_SINGLE_PS = 5e-3
N_KINETIC_FRAMES = 20_000


@dataclass(frozen=True)
class Row:
    """One figure of the study.

    :param quantity: what is estimated, and from what.
    :param figure: what is asked about the estimates.
    :param value: the answer.
    :param required: smallest and largest value that is accepted; ``None`` where it is only reported.
    :param n_runs: synthetic runs.
    """

    quantity: str
    figure: str
    value: float
    required: tuple[float, float] | None
    n_runs: int

    @property
    def is_met(self) -> bool:
        """Return whether the figure is what it must be."""
        return self.required is None or self.required[0] <= self.value <= self.required[1]

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        bounds = "reported" if self.required is None else f"{self.required[0]:.2f} to {self.required[1]:.2f}"
        verdict = "" if self.required is None else ("yes" if self.is_met else "NO")
        return self.quantity, self.figure, f"{self.value:.3f}", bounds, verdict, str(self.n_runs)


def share_bounds(share: float, n: int, tolerance: float = 0.08) -> tuple[float, float]:
    """Return what a share of ``n`` runs may be: within a tolerance, or three binomial deviations where runs are few."""
    margin = tolerance if n >= N_RUNS else max(tolerance, 3.0 * float(np.sqrt(share * (1.0 - share) / n)))
    return share - margin, min(1.0, share + margin)


def walkers(kind: str, seed: int, n_frames: int = 400, n_walkers: int = 48) -> np.ndarray:
    """Return positions of walkers of one of the kinds ``WALKERS``, every one with the same diffusivity."""
    if group := WALKERS[kind] - 1:
        return rigid_groups(n_frames, n_walkers, group + 1, DIFFUSIVITY_A2_PS, INTERVAL_PS, seed)
    walk = random_walkers(n_frames, n_walkers, DIFFUSIVITY_A2_PS, INTERVAL_PS, seed)
    return walk + vibration(n_frames, n_walkers, 0.3, seed + 10**6) if "vibrate" in kind else walk


def covered(interval: Interval | None, truth: float) -> bool:
    """Return whether an interval holds the truth; a missing bound excludes nothing on its side."""
    if interval is None:
        return False
    above = interval.lower is None or interval.lower <= truth
    return above and (interval.upper is None or truth <= interval.upper)


def diffusivity_rows(n_runs: int) -> list[Row]:
    """Return the rows of the tracer diffusivity and the Haven ratio."""
    rows = []
    for kind, group in WALKERS.items():
        runs = (as_trajectory(walkers(kind, seed), INTERVAL_PS) for seed in range(n_runs))
        results = [estimate_diffusivity(run) for run in runs]
        rows += [*_tracer_rows(kind, results), *_haven_rows(kind, group, results)]
    return rows


def _tracer_rows(kind: str, results: list[TransportResult]) -> list[Row]:
    n = len(results)
    scores = np.array([(result.tracer.value - DIFFUSIVITY_M2_S) / result.tracer.stderr for result in results])
    mean = float(np.mean([result.tracer.value for result in results])) / DIFFUSIVITY_M2_S
    return [
        Row(f"D*, {kind}", "share within one standard error", float(np.mean(np.abs(scores) <= 1)),
            share_bounds(0.68, n), n),
        Row(f"D*, {kind}", "mean over truth", mean, (0.97, 1.03) if n >= N_RUNS else (0.9, 1.1), n),
    ]  # fmt: skip


def _haven_rows(kind: str, group: int, results: list[TransportResult]) -> list[Row]:
    n = len(results)
    ratios = [result.haven_ratio for result in results if result.haven_ratio is not None]
    truth = 1.0 / group
    median = float(np.median([ratio.value for ratio in ratios])) / truth
    share = float(np.mean([covered(result.haven_ratio, truth) for result in results]))
    return [
        Row(f"Haven ratio, {kind}", "median over truth", median, (0.93, 1.07) if n >= N_RUNS else (0.8, 1.25), n),
        Row(f"Haven ratio, {kind}", "share of 95 % intervals", share, share_bounds(0.95, n, 0.05), n),
    ]


def residence_rows(n_runs: int) -> list[Row]:
    """Return the rows of residence times as long as the run."""
    mean_frames, n_frames, labels = 399.0, 400, ("A",) * 50
    truth = float(1.0 / -np.expm1(-1.0 / mean_frames))
    values, cut, intervals = [], [], []
    for seed in range(n_runs):
        dense = exponential_residence(np.random.default_rng(seed), 4000, n_frames, mean_frames, 50)
        history = SiteHistory.from_dense(dense, 1.0, labels)
        time_ps = measure_residence(history)["A"].time_ps
        if time_ps is None:
            continue
        values.append(time_ps.value / truth)
        intervals.append(covered(time_ps, truth))
        complete = history.is_arrival & (history.ends < n_frames)
        cut.append((history.ends - history.starts)[complete].mean() / truth)
    name = "residence time as long as the run"
    return [
        Row(name, "mean over truth", float(np.mean(values)), (0.97, 1.03), n_runs),
        Row(
            name, "share within 3 % (4000 carriers)", float(np.mean(np.abs(np.array(values) - 1) < 0.03)), None, n_runs
        ),
        Row(name, "share of 95 % intervals", float(np.mean(intervals)), share_bounds(0.95, n_runs, 0.05), n_runs),
        Row(name, "mean over truth if stays that are cut off were dropped", float(np.mean(cut)), None, n_runs),
    ]


def van_hove_rows(n_runs: int) -> list[Row]:
    """Return the rows of the distinct van Hove function of an ideal gas, which is (N - 1)/N in every shell."""
    n, box, n_frames = 30, 8.0, 100
    cell = np.diag([box] * 3)
    curves = []
    for seed in range(n_runs):
        gas = np.random.default_rng(seed).uniform(size=(n_frames, n, 3)) * box
        functions = van_hove(gas, cell, frame_interval_ps=0.1, lags=[1], bin_width=0.1, max_origins=n_frames)
        curves.append(functions.distinct[0] / ((n - 1) / n))
    volumes = np.diff(functions.edges_A**3)
    curve = np.array(curves)
    core = curve[:, :5] @ volumes[:5] / volumes[:5].sum()
    scores = (curve.mean(axis=0) - 1.0) / (curve.std(axis=0, ddof=1) / np.sqrt(n_runs))
    margin = max(0.02, 4.0 * float(core.std(ddof=1)) / n_runs**0.5)
    name = "G_d/ρ of an ideal gas"
    return [
        Row(name, "mean below 0.5 Å over (N - 1)/N", float(core.mean()), (1 - margin, 1 + margin), n_runs),
        Row(name, "largest deviation of a shell from 0.1 Å on, in standard errors", float(np.abs(scores[1:]).max()),
            (0.0, 4.5), n_runs),
    ]  # fmt: skip


def kinetic_rates(temperature_K: float) -> Rates:
    """Return the planted rates at a temperature: Arrhenius laws with one rate for all at the highest."""
    inverse = 1.0 / (BOLTZMANN_EV_PER_K * temperature_K) - 1.0 / (BOLTZMANN_EV_PER_K * TEMPERATURES_K[-1])
    pushes = {mode: HOTTEST_PUSH_PS * float(np.exp(-energy * inverse)) for mode, energy in MODE_ENERGY_EV.items()}
    return Rates(HOTTEST_SINGLE_PS * float(np.exp(-SINGLE_ENERGY_EV * inverse)), pushes)


def lgps_cell() -> PlacedNetwork:
    """Return the 576 sites of the 3×3×2 cell."""
    network = load_site_model("lgps").network()
    return place_network(network, np.diag([3, 3, 2]) @ network.cell)


def count_pushes(placed: PlacedNetwork, rates: Rates, seed: int, n_frames: int = N_KINETIC_FRAMES) -> list[ModeCount]:
    """Return the counts of all classes in one kinetic Monte Carlo run."""
    gas = LatticeGas(placed, 20 * placed.n_cells, rates, seed=seed)
    return find_concerted_modes(gas.history(n_frames), placed, seed=seed)


def mode_rows(n_runs: int) -> list[Row]:
    """Return the rows of activation energies of planted modes, of their counts and of the null model."""
    placed = lgps_cell()
    energies: dict[str, list[Interval | None]] = {mode: [] for mode in MODE_ENERGY_EV}
    found, null = [], []
    for seed in range(n_runs):
        counts = [
            {mode.label: mode for mode in count_pushes(placed, kinetic_rates(temperature), 1000 * seed + number)}
            for number, temperature in enumerate(TEMPERATURES_K)
        ]
        for mode in energies:
            energies[mode].append(_fitted_energy([count[mode] for count in counts]))
        found.append(_found_over_planted(placed, counts[-1]))
        null.append(sum(mode.null_excess or 0.0 for mode in counts[-1].values()))
    rows = [row for mode, fits in energies.items() for row in _energy_rows(mode, fits)]
    score = float(np.mean(null) / (np.std(null, ddof=1) / np.sqrt(n_runs)))
    return [
        *rows,
        Row("planted pushes at 1000 K", "events found over planted", float(np.mean(found)), (0.93, 1.07), n_runs),
        Row("null model at 1000 K", "mean excess of all classes in standard errors", score, (-3.5, 3.5), n_runs),
    ]


def _found_over_planted(placed: PlacedNetwork, counts: dict[str, ModeCount]) -> float:
    gas = LatticeGas(placed, 20 * placed.n_cells, kinetic_rates(TEMPERATURES_K[-1]))
    chosen = [counts[mode] for mode in MODE_ENERGY_EV]
    planted = sum(gas.expected_frequency(mode.label) * mode.exposure_cell_ps for mode in chosen)
    return sum(mode.events.value for mode in chosen if mode.events is not None) / planted


def _fitted_energy(counts: list[ModeCount]) -> Interval | None:
    fit = fit_mode_activation(
        TEMPERATURES_K,
        [count.raw for count in counts],
        [count.side_count or 0 for count in counts],
        [count.side_ratio or 0.0 for count in counts],
        [count.exposure_cell_ps for count in counts],
        [count.dispersion for count in counts],
    )
    return fit.energy_eV


def _energy_rows(mode: str, fits: list[Interval | None]) -> list[Row]:
    truth, n = MODE_ENERGY_EV[mode], len(fits)
    share = float(np.mean([covered(fit, truth) for fit in fits]))
    values = [fit.value for fit in fits if fit is not None]
    name = f"E_a of {mode}, {truth:.2f} eV planted"
    return [
        Row(name, "share of 95 % intervals", share, (share_bounds(0.95, n, 0.05)[0], 1.0), n),
        Row(name, "mean in eV", float(np.mean(values)), (truth - 0.02, truth + 0.02), n),
    ]


def background_rows(n_runs: int) -> list[Row]:
    """Return the rows of a gas in which nothing is pushed: its hops are related only by the vacancies they fill."""
    placed = lgps_cell()
    raw, excess, null, held = [], [], [], []
    for seed in range(n_runs):
        modes = count_pushes(placed, Rates(HOTTEST_SINGLE_PS), seed)
        raw.append(sum(mode.raw for mode in modes))
        excess.append(sum(mode.events.value for mode in modes if mode.events is not None))
        null.append(sum(mode.null_excess or 0.0 for mode in modes))
        held += [covered(mode.events, 0.0) for mode in modes]
    name = "single hops only, at the rate of 1000 K"
    margin = 4.0 * float(np.std(null, ddof=1)) / n_runs**0.5 / float(np.mean(raw))
    return [
        Row(name, "share of 95 % intervals of the events that hold zero", float(np.mean(held)), (0.91, 1.0), n_runs),
        Row(name, "mean excess of the null model over raw pairs", float(np.mean(null) / np.mean(raw)),
            (-margin, margin), n_runs),
        Row(name, "mean excess over raw pairs", float(np.mean(excess) / np.mean(raw)), None, n_runs),
    ]  # fmt: skip


STUDIES: dict[str, Callable[[int], list[Row]]] = {
    "diffusivity": diffusivity_rows,
    "residence": residence_rows,
    "van-hove": van_hove_rows,
    "modes": mode_rows,
    "background": background_rows,
}


def main(arguments: list[str] | None = None) -> int:
    """Print the table of the coverage study; return 1 where a figure is not what it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=main.__doc__)
    parser.add_argument("--runs", type=int, default=N_RUNS, help="synthetic runs of each kind (default %(default)s)")
    parser.add_argument("--only", choices=list(STUDIES), action="append", help="one part; may be repeated")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args(arguments)
    rows: list[Row] = []
    for name in options.only or STUDIES:
        begin = time.perf_counter()
        rows += STUDIES[name](options.runs)
        print(f"{name}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    head = ("quantity", "figure", "value", "required", "met", "runs")
    table = markdown_table(head, [row.cells() for row in rows])
    print(table)
    if options.page:
        write_between_marks(PAGE, MARK, table)
    return 0 if all(row.is_met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

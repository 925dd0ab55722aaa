"""Where other packages give a wrong number, measured on data whose answer is known; runs in their environment.

``python -m benchmarks.peer_facts`` prints one table. Nothing of this package's analysis is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks.peer_case import Case
from benchmarks.peer_jobs import analyzer_of, gemdat_of, kinisi_diffusivity
from benchmarks.tables import markdown_table, write_between_marks

PAGE = Path("docs/benchmarks.md")
BOX = np.diag([20.0] * 3)
DIFFUSIVITY_A2_PS = 0.2


@dataclass(frozen=True)
class Fact:
    """One wrong number.

    :param package: whose.
    :param claim: what was asked.
    :param truth: the known answer.
    :param found: what was returned.
    """

    package: str
    claim: str
    truth: str
    found: str


def walk(seed: int, n_frames: int = 400, n_carriers: int = 48, group: int = 1) -> Case:
    """Return independent walkers, or walkers in rigid groups, of 0.2 Å² ps⁻¹."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(scale=np.sqrt(2 * DIFFUSIVITY_A2_PS * 0.1), size=(n_frames, n_carriers // group, 3))
    steps[0] = 0.0
    leaders = rng.uniform(0.0, 20.0, size=(n_carriers // group, 3)) + np.cumsum(steps, axis=0)
    positions = np.repeat(leaders, group, axis=1)
    nothing = np.zeros((n_frames, n_carriers), dtype=int)
    return Case(positions, np.zeros((4, 3)) + np.arange(4)[:, None] * 5.0, BOX, np.zeros((1, 3)), BOX, nothing)


def stated_over_true(values: list[float], errors: list[float]) -> str:
    """Return the stated standard error over the scatter of replicas."""
    return f"{np.mean(errors) / np.std(values, ddof=1):.2g}"


def haven_of_gemdat() -> Fact:
    """Return GEMDAT's Haven ratio of independent walkers."""
    from gemdat.metrics import TrajectoryMetrics

    values = [TrajectoryMetrics(gemdat_of(walk(seed)).filter("Li")).haven_ratio() for seed in range(60)]
    return Fact("gemdat", "Haven ratio of 48 independent walkers, median of 60 runs", "1", f"{np.median(values):.0f}")


def error_of_pymatgen() -> Fact:
    """Return pymatgen's stated error of the diffusivity."""
    analyzers = [analyzer_of(walk(seed))() for seed in range(60)]
    values, errors = [a.diffusivity for a in analyzers], [a.diffusivity_std_dev for a in analyzers]
    claim = "stated error of D over scatter of 60 runs"
    return Fact("pymatgen-analysis-diffusion", claim, "1", stated_over_true(values, errors))


def haven_of_pymatgen() -> Fact:
    """Return the spread of pymatgen's Haven ratio of independent walkers."""
    values = [analyzer_of(walk(seed))().haven_ratio for seed in range(60)]
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    claim = "Haven ratio of 48 independent walkers, 5–95 % of 60 runs, no error given"
    return Fact("pymatgen-analysis-diffusion", claim, "1", f"{low:.2f} to {high:.2f}, median {middle:.2f}")


def core_of_pymatgen() -> Fact:
    """Return pymatgen's distinct van Hove function of an ideal gas at small distances."""
    from pymatgen.analysis.diffusion.aimd.van_hove import VanHoveAnalysis

    rng = np.random.default_rng(0)
    n, n_frames = 40, 501
    gas = Case(
        rng.uniform(size=(n_frames, n, 3)) * 10.0, np.zeros((2, 3)), np.diag([10.0] * 3), np.zeros((1, 3)),
        np.diag([10.0] * 3), np.zeros((n_frames, n), dtype=int),
    )  # fmt: skip
    analyzer = analyzer_of(gas, smoothed=False)()
    function = VanHoveAnalysis(analyzer, avg_nsteps=500, ngrid=51, rmax=5.0, step_skip=1, species=("Li",))
    chosen = [int(np.argmin(np.abs(function.interval - r))) for r in (0.1, 0.2, 0.4, 1.0)]
    found = ", ".join(f"{function.gdrt[1][i]:.2f}" for i in chosen)
    return Fact(
        "pymatgen-analysis-diffusion", "G_d/ρ of an ideal gas at 0.1, 0.2, 0.4, 1.0 Å", f"{1 - 1 / n:.2f}", found
    )


def errors_of_kinisi() -> list[Fact]:
    """Return kinisi's stated error for independent walkers and for rigid groups of four."""
    facts = []
    for group in (1, 4):
        found = [kinisi_diffusivity(walk(seed, group=group))() for seed in range(60)]
        ratio = stated_over_true([entry["m2_s"] for entry in found], [entry["stderr"] for entry in found])
        name = "independent walkers" if group == 1 else "rigid groups of 4"
        facts.append(Fact("kinisi", f"stated error of D over scatter of 60 runs, {name}", "1", ratio))
    return facts


def lost_pair_of_gemdat() -> Fact:
    """Return GEMDAT's collective pairs of two jumps with an unrelated short one between them."""
    import pandas as pd
    from gemdat.collective import Collective
    from pymatgen.core import Lattice, Structure

    columns = ["atom index", "start site", "destination site", "start time", "stop time"]
    events = [(0, 0, 1, 90, 100), (2, 5, 6, 111, 112), (1, 1, 2, 100, 130)]
    lattice = Lattice.cubic(30.0)
    sites = Structure(lattice, ["Li"] * 7, [[i * 3.0, 0, 0] for i in range(7)], coords_are_cartesian=True)

    def count(chosen: list[tuple[int, ...]]) -> int:
        jumps = SimpleNamespace(data=pd.DataFrame(chosen, columns=columns))
        return len(Collective(jumps, sites, lattice, max_steps=10).coll_jumps)

    found = f"{count(events)}; without the unrelated jump {count([events[0], events[2]])}"
    return Fact("gemdat", "collective pairs: 1→2 begins as 0→1 ends, an unrelated jump stops in between", "1", found)


def stays_of_gemdat() -> Fact:
    """Return GEMDAT's mean residence time in a run as long as the true one; site-analysis drops the same stays."""
    from gemdat import transitions

    class Occupied:
        states = np.cumsum(np.random.default_rng(0).random((400, 4000)) < -np.expm1(-1 / 400.0), axis=0)
        sites = SimpleNamespace(labels=["A"] * 400)

    found = transitions.Transitions.residence_time(Occupied())["time"].mean() / 400.0
    return Fact("gemdat", "residence time where the run is as long as it, over the truth", "1", f"{found:.2f}")


FACTS: tuple[Callable[[], Fact | list[Fact]], ...] = (
    haven_of_gemdat, lost_pair_of_gemdat, error_of_pymatgen, haven_of_pymatgen, core_of_pymatgen, errors_of_kinisi,
    stays_of_gemdat,
)  # fmt: skip


def main() -> int:
    """Print the table of all facts; with --page put it into the page of benchmarks."""
    rows = []
    for measure in FACTS:
        found = measure()
        rows += [(f.package, f.claim, f.truth, f.found) for f in (found if isinstance(found, list) else [found])]
    table = markdown_table(("package", "asked", "truth", "returned"), rows)
    print(table)
    if "--page" in sys.argv[1:]:
        write_between_marks(PAGE, "facts", table)
    return 0


if __name__ == "__main__":
    sys.exit(main())

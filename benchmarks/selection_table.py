"""The table of the measurement of selection: errors by turn, and their paired differences from chance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from benchmarks.tables import markdown_table

PAGE = Path("docs/benchmarks.md")
CHANCE = "random"
ERRORS = {
    "rmse_force_eV_A": ("RMSE of forces, eV/Å", 3),
    "p95_force_eV_A": ("95 % of frames below, eV/Å", 3),
    "max_force_eV_A": ("largest error, eV/Å", 2),
    "rmse_energy_meV_per_atom": ("RMSE of energies, meV/atom", 1),
}
"""Heads and decimals of the errors on what is held out."""


def summary_text(rows: Sequence[dict[str, Any]]) -> str:
    """Return the errors by policy and turn with their spread over seeds, and the differences from chance."""
    policies = list(dict.fromkeys(row["policy"] for row in rows))
    turns = sorted({row["turn"] for row in rows})
    head = ("frames", "turn", "labels", "accurate", *(name for name, _ in ERRORS.values()))
    lines = [turn_line(rows, policy, turn) for policy in policies for turn in turns if turn or policy == policies[0]]
    seeds = sorted({row["seed"] for row in rows})
    text = markdown_table(head, lines) + f"\n\nMean and standard deviation of {len(seeds)} seeds."
    compared = [policy for policy in policies if policy != CHANCE]
    if CHANCE not in policies or not compared or len(seeds) < 2:
        return text
    return f"{text}\n\n{difference_text(rows, compared, [turn for turn in turns if turn])}"


def turn_line(rows: Sequence[dict[str, Any]], policy: str, turn: int) -> tuple[str, ...]:
    """Return the line of one policy after one turn."""
    mine = [row for row in rows if row["policy"] == policy and row["turn"] == turn]
    accurate = 100 * np.mean([row["accurate"] / row["n_pool"] for row in mine])
    errors = [
        f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"
        for key, (_, digits) in ERRORS.items()
        if (values := [row[key] for row in mine])
    ]
    return (policy if turn else "the first", f"{turn}", f"{mine[0]['n_labels']}", f"{accurate:.0f} %", *errors)


def difference_text(rows: Sequence[dict[str, Any]], policies: Sequence[str], turns: Sequence[int]) -> str:
    """Return how much better than chance each policy is: mean over seeds of the paired difference, 95 % interval."""
    lines = []
    for policy in policies:
        for turn in turns:
            cells = []
            for key in ERRORS:
                mean, half = paired_percent(rows, policy, turn, key)
                cells.append(f"{mean:+.1f} ± {half:.1f} %")
            lines.append((policy, f"{turn}", *cells))
    head = (f"against {CHANCE}", "turn", *(name.split(",")[0] for name, _ in ERRORS.values()))
    return markdown_table(head, lines) + (
        "\n\nPaired by seed, in per cent of the error of random frames; negative is better. Intervals hold 95 % (t)."
    )


def paired_percent(rows: Sequence[dict[str, Any]], policy: str, turn: int, key: str) -> tuple[float, float]:
    """Return mean and half width of the 95 % interval of the difference from chance, in per cent of its error."""
    of = {name: _by_seed(rows, name, turn, key) for name in (policy, CHANCE)}
    seeds = sorted(of[policy].keys() & of[CHANCE].keys())
    difference: NDArray[np.float64] = np.array(
        [100 * (of[policy][seed] / of[CHANCE][seed] - 1) for seed in seeds], dtype=float
    )
    n = len(difference)
    half = student.ppf(0.975, n - 1) * difference.std(ddof=1) / np.sqrt(n) if n > 1 else np.inf
    return float(difference.mean()), float(half)


def _by_seed(rows: Sequence[dict[str, Any]], policy: str, turn: int, key: str) -> dict[int, float]:
    return {row["seed"]: row[key] for row in rows if row["policy"] == policy and row["turn"] == turn}

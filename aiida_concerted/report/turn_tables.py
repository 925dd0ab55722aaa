"""The turns of a learning loop as tables of text, for the terminal and the page alike."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_concerted.common.numbers import UNKNOWN, format_duration, format_estimate, format_number
from aiida_concerted.queries.turns import CLASSES, RunCounts, TurnSummary
from aiida_concerted.report.tables import Table

S_IN_H = 3600.0


def turn_table(turns: Sequence[TurnSummary], stopped: str | None = None) -> Table:
    """Return a row for each turn: frames by class, labels, errors on held-out frames, diffusivity, cost.

    :param stopped: why the loop ended.
    """
    observed = next((turn for turn in turns if turn.diffusivity_m2_s is not None), None)
    columns = ["Turn", "Stage", *(name.capitalize() for name in CLASSES), "Least accurate", "Labelled", "Rejected"]
    columns += ["Force RMSE (meV Å⁻¹)", "Energy RMSE (meV/atom)"]
    if observed is not None:
        columns.append(f"D at {observed.observable_temperature_K:g} K (m² s⁻¹)")
    columns += ["Elapsed", "Core hours"]
    rows = tuple(_row(turn, with_diffusivity=observed is not None) for turn in turns)
    return Table("turns", "Turns of the learning loop (frames)", tuple(columns), rows, _notes(turns, stopped))


def exploration_table(turns: Sequence[TurnSummary]) -> Table:
    """Return a row for each exploration of each turn: frames by class, labelled and rejected ones."""
    rows = tuple(_exploration(turn, run) for turn in turns for run in turn.runs)
    columns = (
        "Turn",
        "T (K)",
        "Run",
        *(name.capitalize() for name in CLASSES),
        "Accurate share",
        "Labelled",
        "Rejected",
    )
    return Table("learning", "Explorations by turn and temperature (frames)", columns, rows)


def _row(turn: TurnSummary, *, with_diffusivity: bool) -> tuple[str, ...]:
    least = turn.least_accurate
    explored = bool(turn.runs)
    cells = [str(turn.number), turn.stage]
    cells += [str(turn.total(name)) if explored else UNKNOWN for name in CLASSES]
    cells.append(UNKNOWN if least is None else f"{_share(least)} at {least.temperature_K:g} K")
    cells += [_count(turn.labelled), str(turn.total("rejected")) if explored else UNKNOWN]
    cells += [_milli(turn.force_rmse_eV_A), _milli(turn.energy_rmse_eV)]
    if with_diffusivity:
        cells.append(UNKNOWN if turn.diffusivity_m2_s is None else format_estimate(*turn.diffusivity_m2_s))
    return (*cells, format_duration(turn.elapsed_s), UNKNOWN if turn.core_s is None else f"{turn.core_s / S_IN_H:.2f}")


def _exploration(turn: TurnSummary, run: RunCounts) -> tuple[str, ...]:
    temperature = UNKNOWN if run.temperature_K is None else f"{run.temperature_K:g}"
    counts = [str(getattr(run, name)) for name in CLASSES]
    return (str(turn.number), temperature, run.name, *counts, _share(run), _count(run.labelled), str(run.rejected))


EXPLANATION = (
    "Errors are on held-out frames, mean over the committee. Rejected: dropped by a screen, or the label failed. Times "
    "run from submission to the last change, waiting included."
)
"""What the columns mean."""


def _notes(turns: Sequence[TurnSummary], stopped: str | None) -> tuple[str, ...]:
    """Return why the loop ended, which trust levels were in effect, and what the columns mean."""
    notes = [] if stopped is None else [f"{stopped}."]
    known = [turn for turn in turns if turn.levels_eV_A is not None]
    if known:
        lower, upper = known[-1].levels_eV_A or (0.0, 0.0)
        calibrated = next((turn.calibrated_on for turn in turns if turn.calibrated_on), None)
        how = f", calibrated on {calibrated} frames" if calibrated else ""
        notes.append(f"Trust levels: {format_number(lower)} and {format_number(upper)} eV Å⁻¹{how}.")
        notes.append(EXPLANATION)
    return tuple(notes)


def _share(run: RunCounts) -> str:
    return UNKNOWN if run.accurate_fraction is None else f"{run.accurate_fraction:.1%}"


def _count(number: int | None) -> str:
    return UNKNOWN if number is None else str(number)


def _milli(value: float | None) -> str:
    return UNKNOWN if value is None else format_number(1000.0 * value)

"""The runs of a sweep as a table: how far each is, how fast, what it knows, how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from aiida_concerted.cli.progress import format_seconds, title_of_run
from aiida_concerted.common.numbers import format_estimate, format_simulated_time
from aiida_concerted.environment.points import RunStatus

HEADINGS = ("Run", "State", "Simulated", "ns/day", "D (m² s⁻¹)", "Error", "Left")


def point_table(runs: Sequence[RunStatus]) -> Table:
    """Return the table, one row a run."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if number < 2 else "right", no_wrap=True)
    for run in runs:
        table.add_row(*_row(run))
    return table


def _row(run: RunStatus) -> tuple[str, ...]:
    value, stderr = run.diffusivity or (None, None)
    planned = format_simulated_time(run.planned_ps)
    done = run.done_ps / 1000 if planned.endswith("ns") else run.done_ps
    return (
        title_of_run(run.name),
        run.state,
        f"{done:.4g} of {planned}",
        "–" if run.speed_ns_day is None else f"{run.speed_ns_day:.3g}",
        "–" if value is None or stderr is None else format_estimate(value, stderr),
        f"{100 * stderr / value:.0f} %" if value and stderr is not None else "–",
        "–" if run.left_s is None else format_seconds(run.left_s),
    )

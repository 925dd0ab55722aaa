"""The trainings under way as a table: how far each is, its error so far, how long it still takes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from aiida_concerted.cli.progress import format_seconds, title_of_run
from aiida_concerted.environment.trainings import TrainingStatus

HEADINGS = ("Training", "Steps", "Force error (eV/Å)", "Left")


def training_table(trainings: Sequence[TrainingStatus]) -> Table:
    """Return the table, one row a training."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for training in trainings:
        table.add_row(*_row(training))
    return table


def _row(training: TrainingStatus) -> tuple[str, ...]:
    progress, name = training.progress, title_of_run(training.name)
    if progress is None:
        return (name, f"– of {training.n_steps:,}", "–", "–")
    error, left_s = progress.rmse_force_eV_A, progress.left_s
    return (
        name,
        f"{progress.step:,} of {training.n_steps:,}",
        "–" if error is None else f"{error:.3g}",
        "–" if left_s is None else format_seconds(left_s),
    )

"""How far a long analysis is, on standard error: a bar on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from aiida_concerted.cli.progress import format_seconds

PLAIN_STEP = 0.1
PLAIN_INTERVAL_S = 5.0


class StageProgress:
    """Called with the name of a stage and the fraction of it that is done.

    :param console: where to show it.
    :param wanted: show it or not; where not given, on a terminal only.
    """

    def __init__(self, console: Console, wanted: bool | None = None) -> None:
        self._console = console
        self._wanted = console.is_terminal if wanted is None else wanted
        self._bar = _bar(console) if self._wanted and console.is_terminal else None
        self._task: TaskID | None = None
        self._stage, self._begin = "", 0.0
        self._said_fraction, self._said_at = 0.0, 0.0

    def __enter__(self) -> StageProgress:
        """Begin to show."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar off the terminal."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, stage: str, fraction: float) -> None:
        """Show that a fraction of a stage is done."""
        if not self._wanted:
            return
        if stage != self._stage:
            self._change_stage(stage)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=fraction)
        elif self._bar is None:
            self._say(fraction)

    def _change_stage(self, stage: str) -> None:
        self._stage, self._begin = stage, time.monotonic()
        self._said_fraction, self._said_at = 0.0, self._begin
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(stage, total=1.0)

    def _say(self, fraction: float) -> None:
        """Write a line when a stage ends, and now and then before."""
        now = time.monotonic()
        elapsed = now - self._begin
        if fraction < 1.0 and (fraction < self._said_fraction + PLAIN_STEP or now < self._said_at + PLAIN_INTERVAL_S):
            return
        self._said_fraction, self._said_at = fraction, now
        left = "" if fraction >= 1.0 else f", {format_seconds(elapsed / fraction - elapsed)} left"
        self._console.print(
            f"{fraction:5.0%}  {self._stage}, {format_seconds(elapsed)}{left}", markup=False, highlight=False
        )


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
    )

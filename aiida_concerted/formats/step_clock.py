"""Which frames of a run's files go on where the last one ended, which were read before, and how far apart they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_TIME_SLACK = 0.05
"""Part of a frame interval by which a time may be off its place; times are written with few digits."""


class StepClock:
    """Follows the integration steps of a run through its files.

    ``n_repeated`` counts frames that were dropped because their step had been read; ``interval`` is the number of
    steps between frames, ``None`` where files have no steps or there is but one frame. Where a file has times and no
    steps, its frames are counted by their times.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.interval: int | None = None
        self.n_repeated = 0
        self.counts_steps = False
        self._last = 0
        self._file_last: int | None = None
        self._last_time: float | None = None
        self._time_interval: float | None = None
        self._anchor: tuple[float, int] | None = None  # time and number of the last frame that was counted by its time
        self._span, self._n_spans = 0.0, 0

    def begin_file(self) -> None:
        """Forget what belongs to the file before."""
        self._last_time = None
        self._file_last = None

    def index_of(self, step: int) -> int:
        """Return which frame of the run has a step that was read."""
        return 0 if self.first is None or self.interval is None else (step - self.first) // self.interval

    def steps_of_times(self, times: FloatArray) -> IntArray | None:
        """Return the number of each frame as its time tells it; ``None`` where all times are the same.

        :raises ValueError: if a time is off the grid of the others.
        """
        if self._anchor is None:
            self._anchor = (float(times[0]), 0)
        previous, number = self._anchor
        if self._time_interval is None:
            later = times[times > previous]
            if not len(later):
                return np.zeros(1, dtype=np.int64) if len(times) == 1 and not self.counts_steps else None
            self._time_interval = float(later[0] - previous)
        counts = np.diff(times, prepend=previous) / self._time_interval
        whole = np.rint(counts)
        if (np.abs(counts - whole) > _TIME_SLACK + 1e-3 * np.abs(whole)).any():
            worst = int(np.argmax(np.abs(counts - whole)))
            raise ValueError(f"the time {times[worst]:.6g} ps is no whole number of frame intervals after the others")
        numbers: IntArray = number + np.cumsum(whole).astype(np.int64)
        self._anchor = (float(times[-1]), int(numbers[-1]))
        return numbers

    def select(self, steps: IntArray) -> BoolArray:
        """Return which frames are new.

        :param steps: integration step of each frame of a block.
        :raises ValueError: if frames are missing before one, or one is off the grid of the others.
        """
        self.counts_steps = True
        follows = self.interval is not None and steps[0] == self._last + self.interval
        if follows and (np.diff(steps) == self.interval).all():
            self._last = int(steps[-1])
            return np.ones(len(steps), dtype=bool)
        new = np.array([self._is_new(int(step)) for step in steps])
        self.n_repeated += int((~new).sum())
        return new

    def _is_new(self, step: int) -> bool:
        if self.first is None:
            self.first = self._last = step
            return True
        if step > self._last:
            if self.interval is None:
                self.interval = step - self._last
            if step != self._last + self.interval:
                raise ValueError(
                    f"step {step} follows step {self._last} where {self._last + self.interval} is expected: frames "
                    "are missing or not equally spaced; give the missing file, in order, or analyse the parts one "
                    "by one"
                )
            self._last = step
            return True
        if step < self.first:
            raise ValueError(
                f"step {step} comes before the first one, {self.first}: give the files in the order of the run"
            )
        if self.interval is not None and (step - self.first) % self.interval:
            raise ValueError(
                f"step {step} lies between those that were read, which are {self.interval} apart: frames are not "
                "equally spaced"
            )
        return False

    def check_within_file(self, steps: IntArray, *, begins_segment: bool) -> None:
        """Check numbers that begin anew with every file.

        :raises ValueError: if they are not equally spaced.
        """
        self.counts_steps = True
        last = None if begins_segment else self._file_last
        numbers = steps if last is None else np.concatenate([[last], steps])
        self._file_last = int(steps[-1])
        gaps = np.diff(numbers)
        if not len(gaps):
            return
        if self.interval is None:
            self.interval = int(gaps[0])
        wrong = np.flatnonzero((gaps != self.interval) | (gaps <= 0))
        if len(wrong):
            raise ValueError(
                f"configuration {numbers[wrong[0] + 1]} follows configuration {numbers[wrong[0]]} where frames are "
                f"{self.interval} apart: frames are missing; analyse the parts one by one"
            )

    def measure(self, times: FloatArray, new: BoolArray) -> None:
        """Take up the times of frames, of which ``new`` were kept, to find the interval that the file states.

        :raises ValueError: if the times are not equally spaced.
        """
        kept = times[new]
        if not len(kept):
            return
        if self._last_time is not None:
            kept = np.concatenate([[self._last_time], kept])
        self._last_time = float(kept[-1])
        gaps = np.diff(kept)
        if not len(gaps):
            return
        self._span += float(gaps.sum())
        self._n_spans += len(gaps)
        expected = self._span / self._n_spans
        slack = _TIME_SLACK * abs(expected) + 1e-6 * np.abs(kept[1:])
        wrong = np.flatnonzero(np.abs(gaps - expected) > slack)
        if len(wrong):
            raise ValueError(
                f"the time goes from {kept[wrong[0]]:.6g} to {kept[wrong[0] + 1]:.6g} ps where frames are "
                f"{expected:.6g} ps apart: frames are not equally spaced in time"
            )

    @property
    def stated_interval_ps(self) -> float | None:
        """Return the mean time between frames in ps as the files state it, ``None`` where they do not."""
        return self._span / self._n_spans if self._n_spans and self._span > 0 else None

"""Numbers that travel with their errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NORMAL_95 = 1.959963984540054
"""Half of the 95 % interval of a normal distribution in standard errors."""


@dataclass(frozen=True)
class Estimate:
    """A value with one standard error.

    :raises ValueError: if either is not finite, or the error is negative.
    """

    value: float
    stderr: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value) or not math.isfinite(self.stderr):
            raise ValueError(f"an estimate must be finite, got {self.value} ± {self.stderr}")
        if self.stderr < 0:
            raise ValueError(f"a standard error cannot be negative, got {self.stderr}")

    def as_dict(self) -> dict[str, float]:
        """Return the JSON form."""
        return {"value": float(self.value), "stderr": float(self.stderr)}


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; a side that the data do not bound is ``None`` and left out of the JSON form.

    :raises ValueError: if a number is not finite or the bounds do not enclose the value.
    """

    value: float
    lower: float | None = None
    upper: float | None = None
    stderr: float | None = None

    def __post_init__(self) -> None:
        for number in (self.value, self.lower, self.upper, self.stderr):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"an interval must be finite, got {self}")
        if (self.lower is not None and self.lower > self.value) or (self.upper is not None and self.upper < self.value):
            raise ValueError(f"an interval must enclose its value, got {self}")

    def standard_error(self) -> float | None:
        """Return the standard error, from the width where it is not given; ``None`` for an open interval."""
        if self.stderr is not None:
            return self.stderr
        if self.lower is None or self.upper is None:
            return None
        return (self.upper - self.lower) / (2.0 * NORMAL_95)

    def as_dict(self) -> dict[str, float]:
        """Return the JSON form, unbounded sides left out."""
        numbers = {"value": self.value, "stderr": self.stderr, "lower": self.lower, "upper": self.upper}
        return {key: float(number) for key, number in numbers.items() if number is not None}


def mean_over_runs(estimates: Sequence[tuple[float, float]], durations_ps: Sequence[float]) -> Estimate:
    """Return the mean of what independent runs gave, weighted by their lengths.

    Weights by error would prefer runs that happen to be low and sure of it.

    :param estimates: value and standard error of each run.
    :param durations_ps: length of each run in ps.
    """
    total = math.fsum(durations_ps)
    weights = [duration / total for duration in durations_ps]
    value = math.fsum(weight * mean for weight, (mean, _) in zip(weights, estimates, strict=True))
    stderr = math.hypot(*(weight * error for weight, (_, error) in zip(weights, estimates, strict=True)))
    return Estimate(value, stderr)

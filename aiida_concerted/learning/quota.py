"""How many candidates of a group are to be labelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Quota:
    """DP-GEN's caps: fewer labels as a group becomes accurate, none for a handful.

    The cap holds in full up to the soft threshold of the accurate fraction, falls linearly to zero at the threshold,
    and is zero from there on; of fewer candidates than the minimum none is labelled.

    :param maximum: most labels of a group (``fp_task_max``).
    :param minimum: least labels that are worth a turn (``fp_task_min``).
    :param accurate_threshold: accurate fraction from which nothing is labelled (``fp_accurate_threshold``).
    :param accurate_soft_threshold: accurate fraction from which the cap falls (``fp_accurate_soft_threshold``); the
        threshold itself when not given.
    :raises ValueError: if a number is negative or the thresholds do not obey 0 ≤ soft ≤ threshold ≤ 1.
    """

    maximum: int
    minimum: int = 0
    accurate_threshold: float = 1.0
    accurate_soft_threshold: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("max_selected", self.maximum), ("min_selected", self.minimum)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError(f"{name} must be a whole number, got {value!r}")
            if value < 0:
                raise ValueError(f"{name} cannot be negative, got {value}")
        if not 0 <= self.soft_threshold <= self.accurate_threshold <= 1:
            raise ValueError(
                "the accurate thresholds must obey 0 ≤ soft ≤ threshold ≤ 1, "
                f"got {self.soft_threshold} and {self.accurate_threshold}"
            )

    @property
    def soft_threshold(self) -> float:
        """Return the accurate fraction from which the cap falls."""
        return self.accurate_threshold if self.accurate_soft_threshold is None else self.accurate_soft_threshold

    def cap(self, accurate_fraction: float) -> int:
        """Return the most labels of a group of which this fraction is accurate."""
        if accurate_fraction < self.soft_threshold:
            return self.maximum
        if accurate_fraction >= self.accurate_threshold:
            return 0
        # In DP-GEN's order of operations: another order rounds to another whole number now and then.
        scaled = self.maximum * (accurate_fraction - self.accurate_threshold)
        return int(scaled / (self.soft_threshold - self.accurate_threshold))

    def number(self, counts: Mapping[str, int], available: int) -> int:
        """Return how many candidates of a group to label.

        :param counts: numbers of its ``accurate``, ``candidate`` and ``failed`` frames.
        :param available: number of candidates that can be labelled, after the screens.
        """
        total = sum(counts[key] for key in ("accurate", "candidate", "failed"))
        number = min(self.cap(counts["accurate"] / total), available) if total else 0
        return number if number >= self.minimum else 0

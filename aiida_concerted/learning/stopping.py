"""When a learning loop has learned enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def accurate_fractions(counts: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Return for each exploration the fraction of its frames that are accurate.

    :param counts: for each exploration the numbers of accurate, candidate and failed frames.
    :raises ValueError: if an exploration has no frames.
    """
    fractions = {}
    for name, numbers in counts.items():
        total = sum(numbers[key] for key in ("accurate", "candidate", "failed"))
        if total == 0:
            raise ValueError(f"the exploration '{name}' has no frames")
        fractions[name] = numbers["accurate"] / total
    return fractions


def is_converged(history: Sequence[Mapping[str, float]], *, threshold: float, consecutive: int = 1) -> bool:
    """Return whether every exploration was accurate enough in each of the last turns.

    :param history: for each turn the accurate fraction of each exploration, oldest first.
    :param threshold: least accurate fraction, between 0 and 1.
    :param consecutive: number of turns in a row that must reach it.
    :raises ValueError: if ``consecutive`` is below one or ``threshold`` is not between 0 and 1.
    """
    if consecutive < 1:
        raise ValueError(f"consecutive must be at least 1, got {consecutive}")
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must lie in (0, 1], got {threshold}")
    recent = history[-consecutive:]
    return len(recent) == consecutive and all(turn and min(turn.values()) >= threshold for turn in recent)

"""Named rules by which a learning loop ends, and how they combine into one verdict.

``overall_accurate`` and ``levels`` are the convergence checks of dpgen2 0.1 (``exploration/report``); the others have
no counterpart there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import ClassVar, Protocol

from aiida_concerted.common.estimate import Estimate
from aiida_concerted.common.parameters import positive, positive_integer
from aiida_concerted.learning.trust import interpolate


@dataclass(frozen=True)
class Turn:
    """What one turn of learning brought.

    :param accurate: accurate fraction of each run; a run that was expected and left nothing has 0.
    :param counts: numbers of accurate, candidate and failed frames over all runs.
    :param temperatures_K: temperature of each run, where it has one.
    :param held_out_force: root mean square error of the forces on held-out frames in eV Å⁻¹.
    :param observable: a physical property computed with the turn's potential, with its standard error.
    :param lower_levels: lower trust level of each run in eV Å⁻¹, as an adaptive rule found it.
    :param labelled: number of frames labelled.
    """

    accurate: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    temperatures_K: Mapping[str, float] = field(default_factory=dict)
    held_out_force: float | None = None
    observable: Estimate | None = None
    lower_levels: Mapping[str, float] = field(default_factory=dict)
    labelled: int = 0


@dataclass(frozen=True)
class Verdict:
    """Whether the loop ends, why in one line, and by which rule.

    :param rule: name of the rule, of all that held joined by ``+``, or of the one that does not hold yet.
    """

    stop: bool
    reason: str
    rule: str


class StoppingRule(Protocol):
    """A rule by name."""

    @property
    def name(self) -> str:
        """Return the name."""

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether the rule holds after these turns, oldest first."""


@dataclass(frozen=True)
class EveryRunAccurate:
    """Every run is accurate enough, several turns in a row.

    :param fraction: least accurate fraction.
    :param consecutive: number of turns in a row.
    :param by_temperature: least accurate fraction by temperature in K, for runs that have one: linear between those
        given, constant beyond. Hot runs may so be allowed more doubt.
    :raises ValueError: if a fraction is not in (0, 1] or ``consecutive`` is below one.
    """

    fraction: float = 0.99
    consecutive: int = 1
    by_temperature: Mapping[float, float] = field(default_factory=dict)
    name: ClassVar[str] = "accurate"

    def __post_init__(self) -> None:
        positive_integer(consecutive=self.consecutive)
        _fractions(self.fraction, *self.by_temperature.values())

    def threshold(self, turn: Turn, run: str) -> float:
        """Return the least accurate fraction of one run."""
        if self.by_temperature and run in turn.temperatures_K:
            return interpolate(self.by_temperature, turn.temperatures_K[run])
        return self.fraction

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether every run was accurate enough in each of the last turns."""
        recent = turns[-self.consecutive :]
        short = [(self._lack(turn, run), turn.accurate[run], run) for turn in recent for run in turn.accurate]
        worst = max(short, default=(0.0, 0.0, ""))
        if worst[0] > 0:
            return Verdict(False, f"{worst[2]} is {worst[1]:.1%} accurate, {worst[0]:.1%} short", self.name)
        if len(recent) < self.consecutive or not all(turn.accurate for turn in recent):
            return Verdict(False, f"{len(recent)} of {self.consecutive} turns in a row", self.name)
        least = min(self.threshold(turn, run) for turn in recent for run in turn.accurate)
        return Verdict(True, f"at least {least:.1%} accurate in every run", self.name)

    def _lack(self, turn: Turn, run: str) -> float:
        return self.threshold(turn, run) - turn.accurate[run]


@dataclass(frozen=True)
class OverallAccurate:
    """The frames of all runs together are accurate enough: dpgen2's rule for fixed levels.

    :param fraction: least accurate fraction (``conv_accuracy``).
    :raises ValueError: if it is not in (0, 1].
    """

    fraction: float = 0.9
    name: ClassVar[str] = "overall_accurate"

    def __post_init__(self) -> None:
        _fractions(self.fraction)

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether enough of the last turn's frames were accurate."""
        counts = turns[-1].counts if turns else {}
        total = sum(counts.values())
        found = counts["accurate"] / total if total else 0.0
        return Verdict(total > 0 and found >= self.fraction, f"{found:.1%} of all frames are accurate", self.name)


@dataclass(frozen=True)
class LevelsSettled:
    """The lower trust levels that an adaptive rule finds no longer move: dpgen2's rule for adaptive levels.

    :param tolerance: most change between two turns in eV Å⁻¹ (``conv_tolerance``).
    :param turns: number of turns compared (``n_checked_steps``).
    :raises ValueError: if the tolerance is not positive or fewer than two turns are compared.
    """

    tolerance: float = 0.05
    turns: int = 2
    name: ClassVar[str] = "levels"

    def __post_init__(self) -> None:
        positive(tolerance=self.tolerance)
        _at_least_two(self.turns)

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether no level moved by the tolerance or more between the last turns."""
        recent = [turn.lower_levels for turn in turns[-self.turns :]]
        if len(recent) < self.turns or not all(recent):
            return Verdict(False, f"levels of {self.turns} turns are to be compared", self.name)
        if any(levels.keys() != recent[0].keys() for levels in recent):
            return Verdict(False, "the runs of the last turns differ", self.name)
        moves = [abs(later[run] - earlier[run]) for earlier, later in pairwise(recent) for run in later]
        return Verdict(
            max(moves) < self.tolerance, f"the lower trust level moved by {max(moves):.3f} eV/Å at most", self.name
        )


@dataclass(frozen=True)
class ErrorPlateau:
    """The error of the forces on held-out frames improves no more.

    :param improvement: least improvement of the best error, as a fraction of it, that counts as one.
    :param turns: number of turns without one.
    :raises ValueError: if the improvement is not in (0, 1] or the number not positive.
    """

    improvement: float = 0.05
    turns: int = 2
    name: ClassVar[str] = "plateau"

    def __post_init__(self) -> None:
        positive_integer(turns=self.turns)
        _fractions(self.improvement)

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether the best error of the last turns is hardly better than the best before them."""
        errors = [turn.held_out_force for turn in turns]
        before = [error for error in errors[: -self.turns] if error is not None]
        recent = [error for error in errors[-self.turns :] if error is not None]
        if not before or len(recent) < self.turns:
            return Verdict(False, f"held-out errors of {self.turns + 1} turns are needed", self.name)
        gain = 1 - min(recent) / min(before)
        words = f"the held-out force error improved by {max(gain, 0.0):.1%} in {self.turns} turns"
        return Verdict(gain < self.improvement, f"{words}, to {min(*recent, *before):.4f} eV/Å", self.name)


@dataclass(frozen=True)
class ObservableStable:
    """A physical property agrees between the last turns within its errors, and its errors are small.

    Large errors agree with anything: hence the limit on them.

    :param turns: number of turns that agree, each with each.
    :param sigmas: most difference in combined standard errors.
    :param relative_error: most standard error over value.
    :raises ValueError: if a number is not positive or fewer than two turns are compared.
    """

    turns: int = 2
    sigmas: float = 2.0
    relative_error: float = 0.3
    name: ClassVar[str] = "observable"

    def __post_init__(self) -> None:
        positive(sigmas=self.sigmas, relative_error=self.relative_error)
        _at_least_two(self.turns)

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether the estimates of the last turns agree."""
        recent = [turn.observable for turn in turns[-self.turns :] if turn.observable is not None]
        if len(recent) < self.turns:
            return Verdict(False, f"the property is known for {len(recent)} of the last {self.turns} turns", self.name)
        vague = [e for e in recent if e.stderr > self.relative_error * abs(e.value)]
        if vague:
            return Verdict(
                False, f"the property {vague[-1].value:.3g} ± {vague[-1].stderr:.1g} is too uncertain", self.name
            )
        worst = max(_distance(a, b) for a, b in combinations(recent, 2))
        return Verdict(worst <= self.sigmas, f"the property differs by {worst:.1f} standard errors at most", self.name)


@dataclass(frozen=True)
class Budget:
    """What the loop may cost.

    :param turns: most turns.
    :param labels: most frames labelled; the turn that reaches it is the last.
    :raises ValueError: if a number is not positive.
    """

    turns: int
    labels: int | None = None
    name: ClassVar[str] = "budget"

    def __post_init__(self) -> None:
        positive_integer(turns=self.turns)
        if self.labels is not None:
            positive_integer(labels=self.labels)

    def ask(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether it is spent."""
        labels = sum(turn.labelled for turn in turns)
        if len(turns) >= self.turns:
            return Verdict(True, f"the budget of {self.turns} turns is spent", self.name)
        if self.labels is not None and labels >= self.labels:
            return Verdict(True, f"the budget of {self.labels} labels is spent", self.name)
        return Verdict(False, f"{len(turns)} of {self.turns} turns", self.name)


@dataclass(frozen=True)
class StoppingPolicy:
    """Rules together.

    :param budget: ends the loop whatever the rules say.
    :param rules: what being done means; without any only the budget ends the loop.
    :param combine: whether ``all`` rules must hold, or ``any`` of them.
    :param min_turns: turns before the rules are asked.
    :raises ValueError: if ``combine`` is neither.
    """

    budget: Budget
    rules: tuple[StoppingRule, ...] = ()
    combine: str = "all"
    min_turns: int = 1

    def __post_init__(self) -> None:
        if self.combine not in ("all", "any"):
            raise ValueError(f"stopping rules combine by all or any, not by '{self.combine}'")

    def decide(self, turns: Sequence[Turn]) -> Verdict:
        """Return whether the loop ends after these turns, why, and by which rule.

        :param turns: what each turn brought, oldest first.
        """
        if len(turns) < self.min_turns:
            return Verdict(False, f"{len(turns)} of at least {self.min_turns} turns", "min_turns")
        answers = [rule.ask(turns) for rule in self.rules]
        held = [answer for answer in answers if answer.stop]
        if held and (len(held) == len(answers) or self.combine == "any"):
            return Verdict(True, "; ".join(a.reason for a in held), "+".join(a.rule for a in held))
        open_reasons = "; ".join(answer.reason for answer in answers if not answer.stop)
        spent = self.budget.ask(turns)
        if spent.stop:
            return Verdict(True, spent.reason + (f"; {open_reasons}" if open_reasons else ""), spent.rule)
        missing = next((answer.rule for answer in answers if not answer.stop), self.budget.name)
        return Verdict(False, open_reasons or spent.reason, missing)


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


def _distance(first: Estimate, second: Estimate) -> float:
    """Return the difference in combined standard errors; infinite where two exact values differ."""
    error = math.hypot(first.stderr, second.stderr)
    difference = abs(first.value - second.value)
    if error == 0:
        return 0.0 if difference == 0 else math.inf
    return difference / error


def _fractions(*values: float) -> None:
    for value in values:
        if not 0 < value <= 1:
            raise ValueError(f"a fraction must lie in (0, 1], got {value}")


def _at_least_two(turns: int) -> None:
    positive_integer(turns=turns)
    if turns < 2:
        raise ValueError("a comparison needs at least two turns")

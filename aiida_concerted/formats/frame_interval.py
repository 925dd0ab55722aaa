"""The time between frames: what is given, what the files tell, and what their steps amount to."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_concerted.common.units import FS_IN_PS
from aiida_concerted.formats.frame_source import SourceFacts
from aiida_concerted.formats.step_clock import StepClock

MAX_DISAGREEMENT = 1e-3
"""Relative difference that digits explain."""


@dataclass(frozen=True)
class IntervalOptions:
    """What a user gave.

    :param frame_interval_ps: time between frames in ps.
    :param timestep_fs: integration step in fs.
    """

    frame_interval_ps: float | None
    timestep_fs: float | None


@dataclass(frozen=True)
class _Told:
    """One way to know the interval.

    :param name: what it is called in messages.
    :param value: interval in ps.
    :param is_certain: whether it may contradict the others.
    """

    name: str
    value: float
    is_certain: bool = True


def frame_interval_ps(
    options: IntervalOptions, clock: StepClock, facts: list[SourceFacts], where: str
) -> tuple[float, list[str]]:
    """Return the time between frames in ps, and what a user should know of it.

    What is given comes first, then the files' own time, then steps times time step; all that are known must agree.

    :param where: what the run is called in messages.
    :raises ValueError: if nothing tells the interval, or two disagree by more than a thousandth.
    """
    told = _all_told(options, clock, facts)
    if not told:
        missing = "give timestep_fs or frame_interval_ps" if clock.counts_steps else "give frame_interval_ps"
        raise ValueError(f"{where}: nothing tells the time between frames: {missing}")
    certain = [way for way in told if way.is_certain]
    chosen = (certain or told)[0]
    for other in certain[1:]:
        if abs(other.value - chosen.value) > MAX_DISAGREEMENT * chosen.value:
            raise ValueError(
                f"{where}: frames are {chosen.value:.6g} ps apart by {chosen.name}, {other.value:.6g} ps by "
                f"{other.name}: correct or leave out one"
            )
    messages = []
    for other in told:
        if not other.is_certain and abs(other.value - chosen.value) > MAX_DISAGREEMENT * chosen.value:
            messages.append(
                f"frames are {chosen.value:g} ps apart by {chosen.name}, not {other.value:g} ps by {other.name}"
            )
    if not certain:
        messages.append(f"frames are taken to be {chosen.value:g} ps apart by {chosen.name}, which is not certain")
    return chosen.value, messages


def _all_told(options: IntervalOptions, clock: StepClock, facts: list[SourceFacts]) -> list[_Told]:
    told = []
    if options.frame_interval_ps is not None:
        told.append(_Told("frame_interval_ps", options.frame_interval_ps))
    for fact in facts:
        if fact.interval_ps is not None:
            told.append(_Told("the file's own time", fact.interval_ps))
        if fact.step_ps is not None and clock.interval is not None:
            told.append(_Told("the file's own time step", fact.step_ps * clock.interval, fact.times_are_certain))
    if clock.stated_interval_ps is not None:
        certain = all(fact.times_are_certain for fact in facts)
        told.append(_Told("the file's own time", clock.stated_interval_ps, certain))
    if options.timestep_fs is not None and clock.interval is not None and clock.counts_steps:
        certain = all(fact.steps_are_certain for fact in facts) or options.frame_interval_ps is None
        told.append(_Told("steps x timestep_fs", clock.interval * options.timestep_fs * FS_IN_PS, certain))
    return told

from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.frame_interval import IntervalOptions, frame_interval_ps
from aiida_concerted.formats.frame_source import SourceFacts
from aiida_concerted.formats.step_clock import StepClock


def clock_of(every=None, time=None):
    clock = StepClock()
    if every:
        clock.select(every * np.arange(5))
    if time:
        clock.measure(time * np.arange(5), np.ones(5, dtype=bool))
    return clock


def interval(clock, facts=None, *, given=None, timestep=None):
    return frame_interval_ps(IntervalOptions(given, timestep), clock, [facts or SourceFacts()], "run.x")


@pytest.mark.parametrize(
    ("clock", "facts", "options", "expected"),
    [
        (clock_of(), None, {"given": 0.1}, 0.1),
        (clock_of(50), None, {"timestep": 2.0}, 0.1),
        (clock_of(50), None, {"timestep": 2.0, "given": 0.10009}, 0.10009),
        (clock_of(None, 0.3), None, {}, 0.3),
        (clock_of(10, 0.3), None, {"timestep": 30.0}, 0.3),
        (clock_of(), SourceFacts(interval_ps=0.7), {}, 0.7),
        (clock_of(10), SourceFacts(step_ps=0.001), {}, 0.01),
    ],
)
def test_each_way_to_know_the_interval_will_do(clock, facts, options, expected):
    value, messages = interval(clock, facts, **options)
    assert value == pytest.approx(expected)
    assert messages == []


@pytest.mark.parametrize(
    ("clock", "facts", "options", "message"),
    [
        (clock_of(), None, {}, "run.x: nothing tells the time between frames: give frame_interval_ps"),
        (clock_of(50), None, {}, "give timestep_fs or frame_interval_ps"),
        (
            clock_of(50),
            None,
            {"timestep": 2.0, "given": 0.1002},
            "0.1002 ps apart by frame_interval_ps, 0.1 ps by steps",
        ),
        (
            clock_of(10, 0.3),
            None,
            {"timestep": 1.0},
            "0.3 ps apart by the file's own time, 0.01 ps by steps x timestep_fs",
        ),
        (clock_of(), SourceFacts(interval_ps=0.7), {"given": 0.6}, "0.6 ps apart by frame_interval_ps, 0.7 ps by the"),
    ],
)
def test_silence_and_disagreement_are_refused(clock, facts, options, message):
    with pytest.raises(ValueError, match=message):
        interval(clock, facts, **options)


def test_what_is_uncertain_yields_and_is_said():
    facts = SourceFacts(times_are_certain=False)
    assert interval(clock_of(10, 0.3), facts, given=0.1)[0] == 0.1
    value, messages = interval(clock_of(10, 0.3), facts)
    assert (value, len(messages)) == (pytest.approx(0.3), 1)
    assert "not certain" in messages[0]
    value, messages = interval(clock_of(1), SourceFacts(steps_are_certain=False), given=0.1, timestep=2.0)
    assert value == 0.1
    assert "not 0.002 ps by steps x timestep_fs" in messages[0]

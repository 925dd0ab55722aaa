from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.step_clock import StepClock


def blocks_of(numbers, size):
    for start in range(0, len(numbers), size):
        yield np.asarray(numbers[start : start + size])


@pytest.mark.parametrize("size", [1, 3, 100])
def test_steps_that_were_read_are_left_out_however_they_come(size):
    clock = StepClock()
    steps = [*range(0, 100, 5), *range(80, 200, 5), *range(0, 10, 5), *range(190, 220, 5)]
    new = np.concatenate([clock.select(block) for block in blocks_of(steps, size)])
    assert np.asarray(steps)[new].tolist() == list(range(0, 220, 5))
    assert (clock.n_repeated, clock.interval, clock.first) == (len(steps) - 44, 5, 0)
    assert [clock.index_of(step) for step in (0, 5, 215)] == [0, 1, 43]


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([0, 5, 10, 20], "step 20 follows step 10 where 15 is expected"),
        ([0, 5, 10, 12], "step 12 follows step 10 where 15"),
        ([100, 105, 95], "step 95 comes before the first one, 100"),
        ([0, 5, 10, 7], "step 7 lies between those that were read"),
    ],
)
def test_gaps_and_steps_off_the_grid_are_refused(steps, message, size):
    clock = StepClock()
    with pytest.raises(ValueError, match=message):
        list(map(clock.select, blocks_of(steps, size)))


@pytest.mark.parametrize("size", [1, 4, 100])
def test_times_number_the_frames_even_where_they_have_few_digits(size):
    times = np.round(np.arange(4000) / 30, 4)
    clock = StepClock()
    numbers = np.concatenate([clock.steps_of_times(block) for block in blocks_of(times, size)])
    np.testing.assert_array_equal(numbers, np.arange(4000))
    for block in blocks_of(times, size):
        clock.measure(block, np.ones(len(block), dtype=bool))
    assert clock.stated_interval_ps == pytest.approx(1 / 30, rel=1e-6)


def test_times_that_say_nothing_or_jump(tmp_path):
    assert StepClock().steps_of_times(np.zeros(5)) is None
    with pytest.raises(ValueError, match=r"the time 3\.5 ps is no whole number"):
        StepClock().steps_of_times(np.array([0, 1, 2, 3.5]))
    clock = StepClock()
    with pytest.raises(ValueError, match="not equally spaced in time"):
        clock.measure(np.array([0, 1, 2, 4.0]), np.ones(4, dtype=bool))


def test_numbers_that_begin_anew_are_checked_within_a_file():
    clock = StepClock()
    clock.check_within_file(np.array([1, 2, 3]), begins_segment=True)
    clock.check_within_file(np.array([4, 5]), begins_segment=False)
    clock.check_within_file(np.array([1, 2]), begins_segment=True)
    with pytest.raises(ValueError, match="configuration 4 follows configuration 2 where frames are 1 apart"):
        clock.check_within_file(np.array([4]), begins_segment=False)

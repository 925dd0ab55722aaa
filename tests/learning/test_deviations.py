import numpy as np
import pytest

from aiida_concerted.learning.deviations import RunDeviation


def test_the_last_row_of_a_repeated_step_counts():
    run = RunDeviation.from_rows(np.array([0, 10, 10, 20, 0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.arange(5.0))
    assert run.steps.tolist() == [0, 10, 20]
    assert run.max_force.tolist() == [5.0, 3.0, 4.0]
    assert run.max_virial.tolist() == [4.0, 2.0, 3.0]


def test_the_first_step_is_a_step_and_not_a_row():
    run = RunDeviation.from_rows(np.array([0, 10, 20, 30]), np.arange(4.0), first_step=15)
    assert run.steps.tolist() == [20, 30]
    assert len(run) == 2


@pytest.mark.parametrize(
    ("steps", "force", "virial", "message"),
    [
        ([0, 1], [0.1], None, "one number a frame"),
        ([0, 1], [0.1, 0.2], [0.1], "one number a frame"),
        ([0, 0], [0.1, 0.2], None, "ascend without repetition"),
        ([1, 0], [0.1, 0.2], None, "ascend without repetition"),
    ],
)
def test_columns_that_do_not_fit_are_refused(steps, force, virial, message):
    column = None if virial is None else np.array(virial)
    with pytest.raises(ValueError, match=message):
        RunDeviation(np.array(steps), np.array(force), column)

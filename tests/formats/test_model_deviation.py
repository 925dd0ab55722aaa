import numpy as np
import pytest

from aiida_concerted.formats.model_deviation import read_model_deviation

HEADER = "# step max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f"


def row(step, value):
    return f"{step:12d}" + 6 * f" {value:18.6e}"


def test_the_last_row_of_a_repeated_step_counts_and_steps_are_ordered():
    table = read_model_deviation([HEADER, row(10, 1.0), row(20, 2.0), HEADER, row(10, 3.0), row(15, 4.0)])
    np.testing.assert_array_equal(table["step"], [10, 15, 20])
    np.testing.assert_array_equal(table["max_devi_f"], [3.0, 4.0, 2.0])


def test_nan_stays_and_a_cut_row_goes():
    table = read_model_deviation([HEADER, row(0, float("nan")), row(5, 1.0)[:60]])
    assert table["step"].tolist() == [0]
    assert np.isnan(table["max_devi_f"][0])


def test_the_format_of_dp_model_devi_is_refused():
    with pytest.raises(ValueError, match=r"model_devi\.out of LAMMPS"):
        read_model_deviation(["# step devi_e max_devi_v min_devi_v avg_devi_v max_devi_f min_devi_f avg_devi_f"])

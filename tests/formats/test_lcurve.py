from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.lcurve import has_diverged, read_learning_curve

HEAD = "#  step      rmse_val    rmse_trn    rmse_e_val  rmse_e_trn    rmse_f_val  rmse_f_trn         lr\n"
ROWS = HEAD + "      0  3.33e+01  3.41e+01  1.03e+01  1.03e+01  8.39e-01  8.72e-01    1.0e-03\n"


def test_columns_have_names_with_units():
    curve = read_learning_curve(
        ROWS + "    100  2.57e+01  2.56e+01  1.87e+00  1.88e+00  8.03e-01  8.02e-01    1.0e-04\n"
    )
    assert list(curve["step"]) == [0, 100]
    assert list(curve["rmse_force_validation_eV_A"]) == [0.839, 0.803]
    assert list(curve["rmse_energy_training_eV_per_atom"]) == [10.3, 1.88]
    assert list(curve["learning_rate"]) == [1e-3, 1e-4]
    assert not has_diverged(curve)


def test_a_row_that_was_cut_off_is_left_out_and_a_repeated_step_counts_once():
    text = ROWS + ROWS.splitlines()[1].replace("3.41e+01", "9.99e+01") + "\n    100  2.57e+0"
    curve = read_learning_curve(text)
    assert list(curve["step"]) == [0]
    assert list(curve["loss_training"]) == [99.9]


def test_missing_reference_values_are_no_divergence_and_nan_at_the_end_is():
    head = "# step rmse_trn rmse_e_trn rmse_f_trn lr\n"
    lacking = read_learning_curve(head + "0 1.0 nan 0.5 1e-3\n9 0.9 nan 0.4 1e-3\n")
    assert not has_diverged(lacking)
    for last in ("9 nan nan nan 1e-3\n", "9 inf 0.1 0.1 1e-3\n", "9 0.9 0.1 600 1e-3\n"):
        assert has_diverged(read_learning_curve(head + "0 1.0 0.2 0.5 1e-3\n" + last))
    assert has_diverged(read_learning_curve(head + "0 nan nan nan 1e-3\n"))
    assert np.isnan(lacking["rmse_energy_training_eV_per_atom"]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no header"),
        ("1 2 3\n", "no header"),
        (HEAD, "holds no row"),
        (HEAD + "0 1.0\n", r"line 2 .* has 2 numbers"),
    ],
)
def test_unreadable_curves_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_learning_curve(text)

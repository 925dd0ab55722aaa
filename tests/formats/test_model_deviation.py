from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.model_deviation import first_long_excess, last_excess, read_model_deviation

# Lines of a real run of DeePMD-kit 3.2.0 in LAMMPS.
HEAD = (
    "#       step         max_devi_v         min_devi_v         avg_devi_v"
    "         max_devi_f         min_devi_f         avg_devi_f\n"
)
ROW = (
    "           0       2.915807e-01       2.032879e-19       1.594645e-01"
    "       1.071960e-01       2.855218e-03       4.161517e-02\n"
)


def test_columns_have_names_with_units():
    columns = read_model_deviation(HEAD + ROW + ROW.replace("           0 ", "          10 "))
    assert list(columns["step"]) == [0, 10]
    assert columns["max_devi_f_eV_A"][0] == 0.1071960
    assert columns["avg_devi_f_eV_A"][0] == 0.04161517
    assert columns["max_devi_v_eV"][0] == 0.2915807


def test_a_repeated_step_counts_with_its_last_row():
    columns = read_model_deviation(HEAD + ROW + ROW.replace("1.071960e-01", "5.000000e-01"))
    assert list(columns["max_devi_f_eV_A"]) == [0.5]


def test_nan_is_kept_and_a_row_that_was_cut_off_is_not():
    columns = read_model_deviation(
        HEAD + ROW + ROW.replace("     0 ", "     9 ").replace("1.071960e-01", "-nan") + ROW[:40]
    )
    assert list(columns["step"]) == [0, 9]
    assert np.isnan(columns["max_devi_f_eV_A"][1])


def test_a_header_alone_gives_empty_columns():
    assert all(len(column) == 0 for column in read_model_deviation(HEAD).values())


@pytest.mark.parametrize("head", ["", HEAD])
def test_a_run_from_a_restart_file_need_not_have_a_header(head):
    columns = read_model_deviation(head + ROW, is_continuation=True)
    assert list(columns["max_devi_f_eV_A"]) == [0.1071960]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have the columns"),
        ("# step max_devi_v devi_e\n0 1 2\n", "is it the output of `dp model-devi`"),
        (HEAD + "0 1 2\n", "line 2 of model_devi.out has 3 numbers, its header 7"),
    ],
)
def test_other_files_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_model_deviation(text)


STEPS = np.arange(0, 100, 10)


@pytest.mark.parametrize(
    ("deviation", "longest", "found"),
    [
        ([0.1] * 10, 0, None),
        ([0.1, 0.1, 0.5, *[0.1] * 7], 0, (20, 20)),
        ([0.1, 0.1, 0.5, *[0.1] * 7], 5, None),
        ([0.5, 0.1, 0.5, 0.5, 0.5, *[0.1] * 5], 15, (20, 40)),
        ([0.5, 0.1, 0.5, 0.5, 0.5, *[0.1] * 5], 20, None),
        ([*[0.1] * 7, 0.5, np.nan, np.inf], 15, (70, 90)),
        ([0.3] * 10, 0, None),
    ],
)
def test_a_committee_may_disagree_for_a_while(deviation, longest, found):
    assert first_long_excess(STEPS, np.array(deviation), 0.3, longest) == found


def test_no_row_is_no_excess():
    assert first_long_excess(STEPS[:0], np.zeros(0), 0.3, 0) is None
    assert last_excess(STEPS[:0], np.zeros(0), 0.3, beyond_since=5) == 5


@pytest.mark.parametrize("seam", range(1, 10))
@pytest.mark.parametrize(
    ("deviation", "longest"),
    [([0.1, 0.1, *[0.5] * 5, 0.1, 0.5, 0.1], 35), ([0.5] * 10, 85), ([0.5] * 10, 95), ([0.1] * 10, 0)],
)
def test_a_seam_cuts_no_disagreement_in_two(deviation, longest, seam):
    """The row of the seam belongs to both parts."""
    deviation = np.array(deviation)
    whole = first_long_excess(STEPS, deviation, 0.3, longest)
    since = last_excess(STEPS[:seam], deviation[:seam], 0.3)
    parts = [
        first_long_excess(STEPS[:seam], deviation[:seam], 0.3, longest),
        first_long_excess(STEPS[seam - 1 :], deviation[seam - 1 :], 0.3, longest, beyond_since=since),
    ]
    found = [part for part in parts if part is not None]
    assert found[:1] == ([] if whole is None else [(whole[0], found[0][1])])

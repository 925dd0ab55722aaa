import numpy as np
import pytest

from aiida_concerted.formats.evaluated_deviation import read_evaluated_deviations

# Lines of a real run of DeePMD-kit 3.2.0 on two systems.
NAMES = (
    "# step      max_devi_v         min_devi_v         avg_devi_v         "
    "max_devi_f         min_devi_f         avg_devi_f         devi_e             \n"
)
ROW = (
    "%12d       2.000000e-02       1.000000e-03       1.100000e-02       "
    "%.6e       1.000000e-02       5.000000e-02       3.000000e-04\n"
)
TEXT = "# frames/b\n" + NAMES + ROW % (0, 0.25) + ROW % (1, 0.5) + "# frames/a\n" + NAMES + ROW % (0, np.nan)


def test_each_system_has_its_rows_whatever_their_order():
    found = read_evaluated_deviations(TEXT)
    assert list(found) == ["frames/b", "frames/a"]
    np.testing.assert_array_equal(found["frames/b"]["max_devi_f_eV_A"], [0.25, 0.5])
    np.testing.assert_array_equal(found["frames/b"]["devi_e_eV_per_atom"], [3e-4, 3e-4])
    assert np.isnan(found["frames/a"]["max_devi_f_eV_A"]).all()


def test_no_system_is_no_rows():
    assert read_evaluated_deviations("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT[:-20], "line 7 of the deviations has 7 numbers, its header 8"),
        (TEXT.replace("devi_e ", "other "), "must write the columns"),
        (ROW % (0, 1.0), "line 1 of the deviations has 8 numbers, its header 0"),
    ],
)
def test_what_cannot_be_read_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_evaluated_deviations(text)

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.calibrate_trust_levels import calibrate_trust_levels
from aiida_concerted.learning.trust import calibrate_levels

pytestmark = pytest.mark.usefixtures("aiida_profile")

SELECTION = {"trust_lower_eV_A": 0.12, "trust_upper_eV_A": 0.25, "max_selected": 5, "choice": "farthest"}
DEVIATIONS = np.concatenate([np.linspace(0.0, 0.1, 21), np.linspace(0.0, 0.4, 21)])


def deviation_of(values):
    node = orm.ArrayData()
    node.set_array("max_devi_f_eV_A", np.asarray(values))
    return node


def calibrated(calibrate, values=DEVIATIONS, temperatures=None, **more):
    inputs = {} if temperatures is None else {"temperatures_K": orm.List(temperatures)}
    selection = orm.Dict({**SELECTION, "calibrate": calibrate, **more})
    return calibrate_trust_levels.run_get_node(selection, held_out=deviation_of(values), **inputs)


def test_the_levels_of_the_selection_are_those_of_the_deviation():
    outputs, node = calibrated({"ratio": 3.0})
    assert node.is_finished_ok
    levels = calibrate_levels(DEVIATIONS, ratio=3.0)
    selection = outputs["selection"].get_dict()
    found = selection.pop("trust_lower_eV_A"), selection.pop("trust_upper_eV_A")
    assert found == pytest.approx((levels.lower, levels.upper))
    assert selection == {key: value for key, value in SELECTION.items() if not key.startswith("trust")}
    record = outputs["calibration"].get_dict()
    assert (record["frames"], record["n_frames"], record["quantile"], record["ratio"]) == ("held_out", 42, 0.95, 3.0)
    assert record["trust_lower_eV_A"] == pytest.approx(levels.lower)


def test_levels_by_temperature_join_those_of_systems():
    own = [{"system": "glass", "trust_lower_eV_A": 0.3, "trust_upper_eV_A": 0.9}]
    outputs, _ = calibrated({"by": "temperature"}, temperatures=[300.0] * 21 + [900.0] * 21, levels=own)
    cold = calibrate_levels(DEVIATIONS[:21])
    glass, first, second = outputs["selection"]["levels"]
    assert glass == own[0]
    expected = {"temperature_K": 300.0, "trust_lower_eV_A": cold.lower, "trust_upper_eV_A": cold.upper}
    assert first == pytest.approx(expected)
    assert second["temperature_K"] == 900.0


@pytest.mark.parametrize(
    ("values", "message"),
    [(DEVIATIONS[:19], "at least 20 frames, got 19"), ([np.nan, *DEVIATIONS], "1 deviations are not finite")],
)
def test_a_committee_that_cannot_be_calibrated_on_is_an_error_in_one_line(values, message):
    _, node = calibrated({}, values)
    assert node.exit_status == 510
    assert message in node.exit_message

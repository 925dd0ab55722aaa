import pytest

from aiida_concerted.formats.deepmd_checkpoint import curve_until, read_checkpoint_step
from aiida_concerted.formats.lcurve import read_learning_curve

# As DeePMD-kit 3.2.0 writes it.
TENSORFLOW = """model_checkpoint_path: "model.ckpt-40"
all_model_checkpoint_paths: "model.ckpt-20"
all_model_checkpoint_paths: "model.ckpt-40"
"""
CURVE = "# step rmse_trn lr\n# a remark\n  0 9.0 1e-3\n 20 8.0 1e-3\n 40 7.0 1e-3\n 50 6.0 1e-3\n 6"


@pytest.mark.parametrize(("text", "step"), [(TENSORFLOW, 40), ("model.ckpt-60.pt", 60), ("", None), ("garbled", None)])
def test_the_step_of_the_last_checkpoint_is_read_of_both_back_ends(text, step):
    assert read_checkpoint_step(text) == step


def test_a_curve_that_a_restart_appends_to_holds_each_step_once():
    kept = curve_until(CURVE, 40)
    assert kept.endswith(" 40 7.0 1e-3\n")
    again = read_learning_curve(kept + " 50 5.5 1e-3\n 60 5.0 1e-3\n")
    assert list(again["step"]) == [0, 20, 40, 50, 60]


def test_rows_beyond_a_checkpoint_that_was_gone_back_to_do_not_count():
    curve = read_learning_curve(CURVE.removesuffix(" 6") + "# step rmse_trn lr\n 45 6.5 1e-3\n")
    assert list(curve["step"]) == [0, 20, 40, 45]
    assert curve["loss_training"][-1] == 6.5

from __future__ import annotations

import json

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation
from aiida_concerted.data.frames import LabelledFramesData
from tests.parsing import parse_files
from tests.synthetic_md import random_frames

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")

EXIT = DeepmdTrainCalculation.exit_codes

# Lines of real runs of DeePMD-kit 3.2.0, TensorFlow back end, on a machine without CUDA.
CURVE_HEAD = """# step       rmse_trn    rmse_e_trn    rmse_f_trn   lr
# If there is no available reference data, rmse_*_{val,trn} will print nan
      0      8.28e+00      2.14e-01      2.62e-01    1.0e-03
"""
GOOD_CURVE = CURVE_HEAD + "     60      7.48e-01      1.14e-01      1.62e-01    1.0e-06\n"
LOG = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
implib-gen: libcudart.so.12: failed to load library 'libcudart.so.12' via callback 'DP_cudart_dlopen'
[2026-11-22 16:19:08,150] DEEPMD INFO    Source:            v3.2.0
"""
FINISHED = """[2026-11-22 16:19:18,422] DEEPMD INFO    average training time: 0.0055 s/batch (exclude first 100 batches)
[2026-11-22 16:19:18,422] DEEPMD INFO    finished training
[2026-11-22 16:19:18,422] DEEPMD INFO    wall time: 7.986 s
implib-gen: libcudart.so.12: failed to resolve symbol '__cudaUnregisterFatBinary', library failed to load
"""
NO_CHECKPOINT = """Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/deepmd/tf/entrypoints/freeze.py", line 530, in freeze
RuntimeError: No checkpoint found
implib-gen: libcudart.so.12: failed to resolve symbol '__cudaUnregisterFatBinary', library failed to load
"""
FULL_INPUT = json.dumps({"model": {"type_map": ["Li", "P", "S"], "descriptor": {"rcut": 5.0, "sel": [4, 4, 4]}}})


@pytest.fixture
def parse(fast_localhost, tmp_path):
    frames = random_frames()

    def run(kept, *, model=b"weights", with_test=True, validation=True, precision="default"):
        inputs = {
            "training__a": LabelledFramesData(frames, level_of_theory="test", material="LGPS"),
            "parameters": orm.Dict({"n_steps": 60, "precision": precision}),
            "seed": orm.Int(3),
            "compress": orm.Bool(False),
        }
        tested = [frames]
        for number in range(int(validation)):
            other = random_frames(n_frames=2 + number, seed=9 + number)
            inputs[f"validation__{'bc'[number]}"] = LabelledFramesData(other, level_of_theory="test")
            tested.insert(number, other)
        if model:
            (tmp_path / "model.pb").write_bytes(model)
        if with_test:
            write_test(tmp_path, tested)
        full = {"out.json": FULL_INPUT, "freeze.log": "", "test.log": "", **kept}
        return parse_files(DeepmdTrainCalculation, fast_localhost, inputs, full, tmp_path, "concerted.deepmd.train")

    return run


def write_test(folder, parts, *, stem="test", force_error=0.1):
    """Predictions that are off by 0.5 eV in the energy and by as many eV/Å in each force."""
    energies = np.concatenate([part.energies for part in parts])
    forces = np.concatenate([part.forces.reshape(-1, 3) for part in parts])
    np.savetxt(folder / f"{stem}.e.out", np.column_stack([energies, energies + 0.5]), header="a: data_e pred_e")
    predicted = np.column_stack([forces, forces - force_error])
    np.savetxt(folder / f"{stem}.f.out", predicted, header="a: data_fx …", encoding="utf-8")


def test_a_finished_training_gives_model_errors_and_parity(parse):
    outputs, exit_code = parse({"lcurve.out": GOOD_CURVE, "train.log": LOG + FINISHED})
    assert exit_code is None
    attributes = outputs["model"].base.attributes.all
    expected = {
        "type_map": ["Li", "P", "S"], "cutoff_A": 5.0, "sel": [4, 4, 4], "version": "3.2.0", "seed": 3,
        "compressed": False, "level_of_theory": "test", "material": "LGPS",
    }  # fmt: skip
    assert {key: attributes[key] for key in expected} == expected
    results = outputs["results"].get_dict()
    for name, n_frames in (("held_out", 2), ("in_set", 3)):
        assert results[name]["rmse_energy_eV_per_atom"] == pytest.approx(0.1)
        assert results[name]["rmse_force_eV_A"] == pytest.approx(0.1)
        assert results[name]["n_frames"] == n_frames
    assert results["steps_per_s"] == pytest.approx(1 / 0.0055)
    assert results["training_wall_s"] == 7.986
    difference = outputs["evaluation"].get_array("predicted_forces_eV_A") - outputs["evaluation"].get_array(
        "reference_forces_eV_A"
    )
    assert difference.shape == (10, 3)
    np.testing.assert_allclose(difference, -0.1, atol=1e-6)


@pytest.mark.parametrize("has_twin", [True, False])
def test_what_the_precision_does_is_told_where_the_twin_was_tested(parse, tmp_path, has_twin):
    if has_twin:
        frames = [random_frames(n_frames=2, seed=9), random_frames()]
        write_test(tmp_path, frames, stem="double", force_error=0.3)
    outputs, exit_code = parse({"lcurve.out": GOOD_CURVE, "train.log": LOG + FINISHED}, precision="float32")
    assert exit_code is None
    results = outputs["results"].get_dict()
    assert results["held_out"]["n_frames"] == 2
    assert ("precision" in results) == has_twin
    if has_twin:
        assert results["precision"]["rmse_force_eV_A"] == pytest.approx(0.2, abs=1e-6)


def test_the_errors_on_several_datasets_stand_apart(parse, tmp_path):
    outputs, exit_code = parse({"lcurve.out": GOOD_CURVE, "train.log": LOG + FINISHED}, validation=2)
    assert exit_code is None
    results = outputs["results"].get_dict()
    apart = results["held_out_by_dataset"]
    assert [(name, part["n_frames"]) for name, part in apart.items()] == [("b", 2), ("c", 3)]
    assert results["held_out"]["n_frames"] == 5
    assert apart["c"]["rmse_force_eV_A"] == pytest.approx(0.1)
    assert "in_set_by_dataset" not in results


def test_without_held_out_frames_only_the_in_set_error_is_given(parse):
    outputs, exit_code = parse({"lcurve.out": GOOD_CURVE, "train.log": LOG + FINISHED}, validation=False)
    assert exit_code is None
    assert "held_out" not in outputs["results"].get_dict()
    assert "evaluation" not in outputs


def test_a_kill_keeps_the_model_of_the_last_checkpoint_and_says_at_which_step(parse):
    curve = CURVE_HEAD + "     12   7.48e-01   1.1e-01   1.6e-01   9e-04\n   15  7.4"
    checkpoint = 'model_checkpoint_path: "model.ckpt-9"\nall_model_checkpoint_paths: "model.ckpt-6"\n'
    outputs, exit_code = parse({"lcurve.out": curve, "train.log": LOG, "checkpoint": checkpoint})
    assert exit_code.status == EXIT.ERROR_TRAINING_STOPPED.status
    assert "step 12 of 60" in exit_code.message
    assert "last checkpoint at step 9" in exit_code.message
    assert outputs["results"].get_dict() == {"n_steps": 60, "steps_done": 12, "checkpoint_step": 9}
    assert set(outputs) == {"model", "learning_curve", "results"}


@pytest.mark.parametrize(
    "last",
    [
        "      1           nan           nan           nan    9.6e-01\n",
        "      1      1.43e+60      1.50e+60      2.48e-01    9.6e+29\n",
    ],
)
def test_a_loss_that_is_not_finite_or_absurd_gives_no_model(parse, last):
    outputs, exit_code = parse({"lcurve.out": CURVE_HEAD + last, "train.log": LOG + FINISHED})
    assert exit_code.status == EXIT.ERROR_TRAINING_DIVERGED.status
    assert "step 1:" in exit_code.message
    assert set(outputs) == {"learning_curve"}


def test_a_missing_model_is_explained_by_the_first_log_with_an_error(parse):
    _, exit_code = parse(
        {"lcurve.out": GOOD_CURVE, "train.log": LOG + FINISHED, "freeze.log": NO_CHECKPOINT}, model=b""
    )
    assert exit_code.status == EXIT.ERROR_NO_MODEL.status
    assert "RuntimeError: No checkpoint found" in exit_code.message


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        ({"train.log": "/bin/bash: line 12: /no/dp: No such file or directory\n"}, "/no/dp: No such file"),
        ({"lcurve.out": CURVE_HEAD[:120], "train.log": LOG + "ValueError: unknown key\n"}, "ValueError: unknown key"),
        ({}, "the program said nothing"),
    ],
)
def test_a_training_that_never_began_is_explained_by_its_log(parse, kept, reason):
    outputs, exit_code = parse(kept, model=b"", with_test=False)
    assert exit_code.status == EXIT.ERROR_NO_LEARNING_CURVE.status
    assert reason in exit_code.message
    assert outputs == {}


@pytest.mark.parametrize(
    ("with_test", "log", "reason"),
    [
        (False, "ResourceExhaustedError: OOM when allocating tensor\n", "OOM when allocating"),
        (True, "", "its files hold"),
    ],
)
def test_a_test_that_failed_leaves_the_model(parse, tmp_path, with_test, log, reason):
    if with_test:
        write_test(tmp_path, [random_frames(n_frames=1)])
    kept = {"lcurve.out": GOOD_CURVE, "train.log": LOG + FINISHED, "test.log": log}
    outputs, exit_code = parse(kept, with_test=False)
    assert exit_code.status == EXIT.ERROR_NO_EVALUATION.status
    assert reason in exit_code.message
    assert "model" in outputs

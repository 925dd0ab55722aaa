from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation, choose_in_set
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from tests.engines import NETS, TYPE_MAP
from tests.synthetic_md import random_frames

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")

PARAMETERS = {**{key: list(v) if isinstance(v, tuple) else v for key, v in NETS.items()}, "n_steps": 60}


def builder_of(code, frames, **changes):
    builder = DeepmdTrainCalculation.get_builder()
    builder.code = code
    builder.training = {"a": LabelledFramesData(frames.select(range(0, 20)), level_of_theory="test")}
    builder.parameters = orm.Dict({**PARAMETERS, **changes.pop("parameters", {})})
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    for name, value in changes.items():
        builder[name] = value
    return builder


@pytest.mark.deepmd
def test_a_potential_is_trained_frozen_compressed_and_tested_on_what_it_has_not_seen(dp_code, tiny_frames):
    held_out = LabelledFramesData(tiny_frames.select(range(30, 40)), level_of_theory="test")
    builder = builder_of(dp_code, tiny_frames, validation={"rest": held_out}, seed=orm.Int(4), compress=orm.Bool(True))
    builder.parameters["type_map"] = TYPE_MAP
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    model, results, evaluation = outputs["model"], outputs["results"].get_dict(), outputs["evaluation"]
    assert (model.type_map, model.cutoff_A, model.base.attributes.get("compressed")) == (TYPE_MAP, 5.0, True)
    assert model.base.attributes.get("seed") == 4
    assert model.base.attributes.get("version") == results["deepmd_kit_version"] != "unknown"
    assert model.level_of_theory == "test"
    assert results["held_out"]["n_frames"] == 10
    assert results["in_set"]["n_frames"] == 20
    reference = evaluation.get_array("reference_forces_eV_A").reshape(10, 16, 3)
    np.testing.assert_allclose(reference, held_out.get_frames().forces, atol=1e-5)
    error = evaluation.get_array("predicted_forces_eV_A") - evaluation.get_array("reference_forces_eV_A")
    assert np.sqrt(np.mean(error**2)) == pytest.approx(results["held_out"]["rmse_force_eV_A"], rel=1e-5)
    energy = evaluation.get_array("predicted_energies_eV_per_atom") - held_out.get_frames().energies / 16
    assert np.sqrt(np.mean(energy**2)) == pytest.approx(results["held_out"]["rmse_energy_eV_per_atom"], rel=1e-4)
    curve = outputs["learning_curve"]
    assert curve.get_array("step")[-1] == 60
    assert "rmse_force_validation_eV_A" in curve.get_arraynames()
    kept = node.base.repository.list_object_names()
    assert "input.json" in kept
    assert "training" not in kept


@pytest.mark.deepmd
def test_what_mixed_precision_does_to_the_forces_is_told(dp_code, tiny_frames):
    builder = builder_of(dp_code, tiny_frames)
    builder.parameters["precision"] = "mixed"
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    results = outputs["results"].get_dict()
    told = results["precision"]
    assert (told["nets"], told["n_frames"]) == ("mixed", results["in_set"]["n_frames"])
    # Half precision has eleven bits: forces of an eV/Å are off in the fourth digit, and not by their own error.
    assert 1e-6 < told["rmse_force_eV_A"] < 0.05 * results["in_set"]["rmse_force_eV_A"]
    assert told["rmse_force_eV_A"] < told["max_force_eV_A"] < 0.1


@pytest.mark.deepmd
def test_a_training_that_starts_from_a_potential_starts_with_its_errors(dp_code, tiny_frames, tiny_models):
    with tiny_models[0].open("rb") as handle:
        model = DeepPotentialData(
            handle, filename="model.pb", type_map=TYPE_MAP, cutoff_A=5.0, version="3", level_of_theory="test"
        )
    sel = json.loads(_script(tiny_models[0]))["model"]["descriptor"]["sel"]
    builder = builder_of(
        dp_code, tiny_frames, initial_model=model,
        parameters={
            "type_map": TYPE_MAP, "sel": sel, "start_learning_rate": 1e-6, "stop_learning_rate": 1e-6, "n_steps": 20,
        },
    )  # fmt: skip
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    assert outputs["results"]["in_set"]["rmse_force_eV_A"] < 0.25
    assert "evaluation" not in outputs


def _script(model) -> str:
    """Return the input that DeePMD-kit keeps in a frozen model."""
    content = model.read_bytes()
    start = content.index(b'{"model"')
    text, depth = content[start : start + 20000].decode(errors="replace"), 0
    for index, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth == 0:
            return text[: index + 1]
    raise AssertionError("the model holds no input")


def potential(**changes):
    facts = {
        "type_map": ["Ge", "Li", "P", "S"],
        "cutoff_A": 5.0,
        "version": "3",
        "level_of_theory": "test",
        "sel": [1, 1, 1, 1],
    }
    return DeepPotentialData(io.BytesIO(b"model"), filename="model.pb", **{**facts, **changes})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_step": 5}, "unknown key 'n_step' in parameters: did you mean 'n_steps'?"),
        ({"n_steps": 0}, "n_steps must be a positive integer"),
        ({"smooth_cutoff_A": 9.0}, "smooth_cutoff_A must lie between"),
        ({"type_map": ["Li", "S"]}, "lacks Ge, P, which the data hold"),
        ({"sel": [10, 10]}, "sel needs one number for each of"),
        ({"batch_size": "many"}, "batch_size must be a positive integer"),
    ],
)
def test_unfit_parameters_are_refused_at_the_door(dp_code, tiny_frames, parameters, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        run_get_node(builder_of(dp_code, tiny_frames, parameters=parameters))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type_map": ["Li", "Ge", "P", "S"]}, "type map"),
        ({"cutoff_A": 6.0}, r"sees 6\.0 Å far, the training 5\.0 Å"),
        ({"sel": None}, "does not say its sel"),
        ({"compressed": True}, "compressed"),
    ],
)
def test_an_initial_model_that_does_not_fit_is_refused(dp_code, tiny_frames, changes, message):
    with pytest.raises(ValueError, match=message):
        run_get_node(builder_of(dp_code, tiny_frames, initial_model=potential(**changes)))


def test_data_of_two_levels_of_theory_are_refused(dp_code, tiny_frames):
    other = LabelledFramesData(tiny_frames, level_of_theory="other")
    with pytest.raises(ValueError, match="different levels of theory do not belong together: other, test"):
        run_get_node(builder_of(dp_code, tiny_frames, validation={"v": other}))


def test_the_in_set_draw_takes_frames_from_every_dataset_once(monkeypatch):
    monkeypatch.setattr("aiida_concerted.calculations.deepmd_train.MAX_IN_SET_FRAMES", 6)
    parts = {name: random_frames(n_frames=4, seed=seed) for seed, name in enumerate("ab")}
    nodes = {name: LabelledFramesData(frames, level_of_theory="test") for name, frames in parts.items()}
    chosen = choose_in_set(nodes, seed=2)
    assert sum(len(frames) for frames in chosen.values()) == 6
    for name, frames in chosen.items():
        energies = set(frames.energies)
        assert len(energies) == len(frames)
        assert energies <= set(parts[name].energies)
    again = choose_in_set(nodes, seed=2)
    assert all(again[name].origins == chosen[name].origins for name in chosen)

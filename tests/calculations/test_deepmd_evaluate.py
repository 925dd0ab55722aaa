from __future__ import annotations

import re

import numpy as np
import pytest
from aiida.engine import run_get_node

from aiida_concerted.calculations.deepmd_evaluate import DeepmdEvaluateCalculation
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from tests.engines import TYPE_MAP
from tests.synthetic_md import random_frames

pytestmark = pytest.mark.usefixtures("aiida_profile_clean")


def potential(path, **changes):
    facts = {"type_map": TYPE_MAP, "cutoff_A": 5.0, "version": "3", "level_of_theory": "test", **changes}
    with path.open("rb") as handle:
        return DeepPotentialData(handle, filename="model.pb", **facts)


def builder_of(code, models, frames, **changes):
    builder = DeepmdEvaluateCalculation.get_builder()
    builder.code = code
    builder.models = models
    builder.frames = frames
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    for name, value in changes.items():
        builder[name] = value
    return builder


@pytest.mark.deepmd
def test_the_deviation_is_the_spread_of_the_members_predictions(dp_code, tiny_frames, tiny_models):
    models = {f"model_{index}": potential(path) for index, path in enumerate(tiny_models)}
    parts = {"few": range(30, 33), "many": range(0, 8)}
    frames = {
        name: LabelledFramesData(tiny_frames.select(rows), level_of_theory="test") for name, rows in parts.items()
    }
    outputs, node = run_get_node(builder_of(dp_code, models, frames))
    assert node.is_finished_ok, node.exit_message
    results = outputs["results"].get_dict()
    for name, rows in parts.items():
        deviation, prediction = outputs["deviations"][name], outputs["predictions"][name]
        forces = prediction.get_array("forces_eV_A").astype(float)
        assert forces.shape == (2, len(rows), 16, 3)
        # dp: the norm of the standard deviation over the members of each atom's force; then the largest over the atoms
        spread = np.linalg.norm(forces.std(axis=0), axis=-1).max(axis=-1)
        np.testing.assert_allclose(deviation.get_array("max_devi_f_eV_A"), spread, rtol=1e-3)
        np.testing.assert_array_equal(deviation.get_array("frame"), np.arange(len(rows)))
        energies = prediction.get_array("energies_eV")
        np.testing.assert_allclose(deviation.get_array("devi_e_eV_per_atom"), energies.std(axis=0) / 16, rtol=1e-2)
        error = forces[0] - frames[name].get_frames().forces
        found = results["errors"]["model_0"]["frames"][name]
        assert found["rmse_force_eV_A"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-3)
        assert results["deviation"][name]["max_deviation_eV_A"] == pytest.approx(spread.max(), rel=1e-3)
    assert results["errors"]["model_1"]["rmse_force_eV_A"] < 1.0
    assert "model_0.pb" not in node.base.repository.list_object_names()


@pytest.mark.deepmd
def test_models_that_cannot_be_read_are_named_by_the_programs_own_words(dp_code, tiny_frames, tmp_path):
    broken = tmp_path / "broken.pb"
    broken.write_bytes(b"no model")
    frames = {"few": LabelledFramesData(tiny_frames.select(range(2)), level_of_theory="test")}
    _, node = run_get_node(builder_of(dp_code, {"a": potential(broken), "b": potential(broken)}, frames, predict=False))
    assert node.exit_status == DeepmdEvaluateCalculation.exit_codes.ERROR_NO_DEVIATION.status
    assert "Error" in node.exit_message


@pytest.mark.parametrize(
    ("models", "predict", "message"),
    [
        ({}, True, "models and frames need one entry each at least"),
        ({"a": {}}, False, "a deviation needs two models at least, got 1"),
        ({"a": {}, "b": {"cutoff_A": 6.0}}, True, "must have the same type_map, cutoff_A and backend"),
        ({"a": {"type_map": ["Li", "S"]}}, True, "the models know Li, S, not Ge, P of the frames 'x'"),
    ],
)
def test_what_does_not_go_together_is_refused_at_the_door(dp_code, tmp_path, models, predict, message):
    path = tmp_path / "model.pb"
    path.write_bytes(b"weights")
    species = ("Li", "Ge", "P", "S")
    frames = {"x": LabelledFramesData(random_frames(species=species), level_of_theory="test")}
    given = {name: potential(path, **changes) for name, changes in models.items()}
    with pytest.raises(ValueError, match=re.escape(message)):
        run_get_node(builder_of(dp_code, given, frames, predict=predict))

"""The PyTorch back end for real, where a ``dp`` is named whose PyTorch is the one it was built for."""

from __future__ import annotations

import os

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.calculations.deepmd_evaluate import DeepmdEvaluateCalculation
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.deepmd.base import DeepmdBaseWorkChain
from tests.conftest import SINGLE_THREAD
from tests.engines import NETS, TYPE_MAP

DP = os.environ.get("CONCERTED_DP_PYTORCH")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.deepmd,
    pytest.mark.skipif(not DP, reason="set CONCERTED_DP_PYTORCH to a dp of deepmd-kit[cpu,torch]"),
]

TRAIN = {**{key: list(v) if isinstance(v, tuple) else v for key, v in NETS.items()}, "backend": "pytorch"}


@pytest.fixture
def pytorch_code(aiida_code_installed, fast_localhost):
    return aiida_code_installed(
        label="dp-pytorch", computer=fast_localhost, default_calc_job_plugin="concerted.deepmd.train",
        filepath_executable=DP, prepend_text=SINGLE_THREAD,
    )  # fmt: skip


def train(code, frames, seed, **changes):
    builder = DeepmdBaseWorkChain.get_builder_from_protocol(
        code,
        {"known": LabelledFramesData(frames.select(range(0, 20)), level_of_theory="test")},
        validation={"rest": LabelledFramesData(frames.select(range(30, 36)), level_of_theory="test")},
        protocol="fast",
        overrides={"train": {**TRAIN, "n_steps": 200, "type_map": TYPE_MAP, **changes.pop("parameters", {})}},
    )
    builder.train.seed = seed
    for name, value in changes.items():
        builder.train[name] = value
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    return outputs, node


def test_potentials_are_trained_compressed_compared_and_begun_from(pytorch_code, tiny_frames):
    first, _ = train(pytorch_code, tiny_frames, 1)
    second, _ = train(pytorch_code, tiny_frames, 2, compress=orm.Bool(True))
    for outputs, compressed in ((first, False), (second, True)):
        model, results = outputs["model"], outputs["results"].get_dict()
        assert (model.program, model.filename.endswith(".pth")) == ("pytorch", True)
        assert model.base.attributes.get("compressed") is compressed
        assert results["held_out"]["n_frames"] == 6
        assert 0 < results["in_set"]["rmse_force_eV_A"] < 1.0
        assert results["deepmd_kit_version"] != "unknown"
        assert outputs["learning_curve"].get_array("step")[-1] == 200
    check_committee(pytorch_code, {"a": first["model"], "b": second["model"]}, tiny_frames)
    rate = {"start_learning_rate": 1e-6, "stop_learning_rate": 1e-6, "n_steps": 10}
    warm, _ = train(pytorch_code, tiny_frames, 1, initial_model=first["model"], parameters=rate)
    before, after = (out["results"]["in_set"]["rmse_force_eV_A"] for out in (first, warm))
    assert after == pytest.approx(before, rel=0.05)


def check_committee(code, models, frames):
    builder = DeepmdEvaluateCalculation.get_builder()
    builder.code, builder.models = code, models
    builder.frames = {"few": LabelledFramesData(frames.select(range(3)), level_of_theory="test")}
    builder.metadata.options.resources = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    forces = outputs["predictions"]["few"].get_array("forces_eV_A").astype(float)
    spread = np.linalg.norm(forces.std(axis=0), axis=-1).max(axis=-1)
    np.testing.assert_allclose(outputs["deviations"]["few"].get_array("max_devi_f_eV_A"), spread, rtol=1e-3)

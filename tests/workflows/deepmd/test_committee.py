"""A committee: its members' seeds, waves and failures."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.deepmd.base import DeepmdBaseWorkChain
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.waves import is_final
from tests.engines import NETS
from tests.workflows.ended import ended

TRAIN = {**{key: list(v) if isinstance(v, tuple) else v for key, v in NETS.items()}, "n_steps": 20}


@pytest.fixture
def build(dp_code, tiny_frames):
    """Return a function that makes the builder of a committee."""

    def make(**overrides):
        known = LabelledFramesData(tiny_frames.select(range(8)), level_of_theory="test")
        return DeepmdCommitteeWorkChain.get_builder_from_protocol(
            dp_code, {"known": known}, protocol="fast", overrides={"train": TRAIN, **overrides}
        )

    return make


def curve():
    node = orm.ArrayData()
    node.set_array("step", np.arange(2))
    return node


def test_members_share_everything_but_their_seeds(build, process_of, potentials):
    builder = build(n_models=3)
    builder.initial_models = {"model_1": potentials["model_1"]}
    process = process_of(builder)
    process.setup()
    members = {name: process.prepare(name) for name in process.ctx.pending}
    assert list(members) == ["model_0", "model_1", "model_2"]
    assert len({member.train.seed.value for member in members.values()}) == 3
    assert len({member.train.parameters.uuid for member in members.values()}) == 1
    assert [name for name, member in members.items() if "initial_model" in member.train] == ["model_1"]


def test_all_members_come_out_under_their_names(build, process_of, potentials):
    process = process_of(build(n_models=2))
    process.setup()
    for name in process.ctx.names:
        outputs = {"model": potentials[name].clone(), "results": orm.Dict({"n_steps": 1}), "learning_curve": curve()}
        process.ctx[f"child_{name}"] = ended(DeepmdBaseWorkChain, outputs)
    assert not process.has_failures()
    process.results()
    for label in ("models", "metrics", "learning_curves"):
        assert set(process.outputs[label]) == {"model_0", "model_1"}
    assert "evaluations" not in process.outputs


def test_a_member_that_is_missing_fails_the_committee_by_its_name(build, process_of):
    process = process_of(build(n_models=2))
    process.setup()
    status = DeepmdBaseWorkChain.exit_codes.ERROR_DIVERGED.status
    child = ended(DeepmdBaseWorkChain, exit_status=status, exit_message="not finite")
    assert is_final(child)
    process.ctx.child_model_1, process.ctx.failed = child, ["model_1"]
    assert process.has_failures()
    code = process.fail()
    assert code.status == DeepmdCommitteeWorkChain.exit_codes.ERROR_CHILDREN_FAILED.status
    assert "model_1" in code.message
    assert "not finite" in code.message


def test_no_member_is_no_committee(build):
    with pytest.raises(ValueError, match="must be positive, got 0"):
        build(n_models=0)

"""One training: what goes on from a checkpoint, what begins anew, and what ends."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.deepmd.base import DeepmdBaseWorkChain
from tests.conftest import SINGLE_THREAD, executable
from tests.engines import NETS
from tests.workflows.ended import ended

TRAIN = {**{key: list(v) if isinstance(v, tuple) else v for key, v in NETS.items()}, "n_steps": 60}
CODES = DeepmdTrainCalculation.exit_codes
CURVE = "# step rmse_trn rmse_e_trn rmse_f_trn lr\n 0 9.0 0.2 0.3 1e-3\n 20 8.0 0.1 0.2 1e-3\n 30 7.0 0.1 0.2 1e-3\n"

TORN = """Traceback (most recent call last):
tensorflow.python.framework.errors_impl.DataLossError: not an sstable (bad magic number)
"""
NO_MEMORY = """Traceback (most recent call last):
deepmd.tf.utils.errors.OutOfMemoryError: Your memory may be not enough, thus an error has been raised
"""


@pytest.fixture
def build(dp_code, tiny_frames):
    """Return a function that makes the builder of a training."""

    def make(code=dp_code, **parameters):
        known = LabelledFramesData(tiny_frames.select(range(8)), level_of_theory="test")
        return DeepmdBaseWorkChain.get_builder_from_protocol(
            code, {"known": known}, protocol="fast", overrides={"train": {**TRAIN, **parameters}}
        )

    return make


@pytest.fixture
def process(build, process_of):
    process = process_of(build())
    process.setup()
    return process


@pytest.fixture
def cut_short(fast_localhost, tmp_path):
    """Return a function that makes a training that ended, with a checkpoint at a step or with none."""

    def make(code, step, steps_done=None, log=""):
        node = ended(
            DeepmdTrainCalculation, exit_status=code.status, exit_message=code.message, computer=fast_localhost
        )
        folder = orm.RemoteData(remote_path=str(tmp_path), computer=fast_localhost)
        retrieved = orm.FolderData()
        retrieved.base.repository.put_object_from_bytes(CURVE.encode(), "lcurve.out")
        retrieved.base.repository.put_object_from_bytes(log.encode(), "train.log")
        if step is not None:
            text = f'model_checkpoint_path: "model.ckpt-{step}"\n'
            retrieved.base.repository.put_object_from_bytes(text.encode(), "checkpoint")
        outputs = {"remote_folder": folder, "retrieved": retrieved}
        if steps_done is not None:
            outputs["results"] = orm.Dict({"n_steps": 60, "steps_done": steps_done, "checkpoint_step": step})
        for label, output in outputs.items():
            output.base.links.add_incoming(node, LinkType.CREATE, label)
            output.store()
        return node

    return make


def test_a_training_that_was_cut_short_goes_on_from_each_new_checkpoint(process, cut_short):
    for step in (20, 40):
        node = cut_short(CODES.ERROR_TRAINING_STOPPED, step)
        report = process.handle_cut_short(node)
        assert report.do_break
        assert report.exit_code.status == 0
        assert process.ctx.inputs.restart_folder.uuid == node.outputs.remote_folder.uuid
        assert process.ctx.reached == step


def test_one_that_comes_no_further_is_tried_once_more_from_where_it_was_and_then_ended(process, cut_short):
    first = cut_short(CODES.ERROR_TRAINING_STOPPED, 20)
    process.handle_cut_short(first)
    again = process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, 20))
    assert again.exit_code.status == 0
    assert process.ctx.inputs.restart_folder.uuid == first.outputs.remote_folder.uuid
    over = process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, 20)).exit_code
    assert over.status == DeepmdBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status
    assert "beyond step 20" in over.message


def test_one_that_cannot_read_its_torn_checkpoint_begins_anew(process, cut_short):
    for expected in ("restart_folder", "restart_folder", None):
        report = process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, 20, steps_done=20, log=TORN))
        assert report.exit_code.status == 0
        assert ("restart_folder" in process.ctx.inputs) is (expected is not None)
    assert process.ctx.reached == 0


def test_two_starts_on_a_node_without_memory_throw_no_checkpoint_away(process, cut_short):
    for status in (0, 0, DeepmdBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status):
        node = cut_short(CODES.ERROR_TRAINING_STOPPED, 20, steps_done=20, log=NO_MEMORY)
        assert process.handle_cut_short(node).exit_code.status == status
        assert "restart_folder" in process.ctx.inputs


def test_a_folder_that_was_given_is_never_left_out(build, process_of, cut_short):
    builder = build()
    given = cut_short(CODES.ERROR_TRAINING_STOPPED, 20).outputs.remote_folder
    builder.train.restart_folder = given
    process = process_of(builder)
    process.setup()
    for step in (40, 40, 40):  # a checkpoint of its own is torn: it goes on from the one that was given
        assert process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, step, log=TORN)).exit_code.status == 0
    assert (process.ctx.inputs.restart_folder.uuid, process.ctx.reached) == (given.uuid, 20)
    for status in (0, DeepmdBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status):  # so is the one that was given
        report = process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, 20, log=TORN))
        assert report.exit_code.status == status
        assert process.ctx.inputs.restart_folder.uuid == given.uuid


def test_one_that_only_lacks_time_for_the_next_checkpoint_does_not_begin_anew(process, cut_short):
    for status in (0, 0, DeepmdBaseWorkChain.exit_codes.ERROR_NO_PROGRESS.status):
        report = process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, 20, steps_done=30))
        assert report.exit_code.status == status


def test_without_any_checkpoint_it_begins_anew_once(process, cut_short):
    assert process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, None)).exit_code.status == 0
    assert "restart_folder" not in process.ctx.inputs
    assert process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, None)).exit_code.status == 410


def test_a_test_that_failed_is_repeated_without_training_again(process, cut_short):
    node = cut_short(CODES.ERROR_NO_EVALUATION, 60)
    assert process.handle_cut_short(node).exit_code.status == 0
    assert process.ctx.inputs.restart_folder.uuid == node.outputs.remote_folder.uuid


def test_a_divergence_is_answered_by_half_the_learning_rate_from_the_beginning(process, cut_short):
    process.handle_cut_short(cut_short(CODES.ERROR_TRAINING_STOPPED, 20))
    rates = [process.ctx.inputs.parameters["start_learning_rate"]]
    for _ in range(2):
        assert process.handle_divergence(cut_short(CODES.ERROR_TRAINING_DIVERGED, 20)).exit_code.status == 0
        assert "restart_folder" not in process.ctx.inputs
        rates.append(process.ctx.inputs.parameters["start_learning_rate"])
    assert rates == [5.0e-3, 2.5e-3, 1.25e-3]
    over = process.handle_divergence(cut_short(CODES.ERROR_TRAINING_DIVERGED, 20)).exit_code
    assert over.status == DeepmdBaseWorkChain.exit_codes.ERROR_DIVERGED.status
    assert "0.005, 0.0025, 0.00125" in over.message


def test_the_monitor_is_attached_unless_another_is(build, process_of):
    builder = build()
    process = process_of(builder)
    process.setup()
    assert process.ctx.inputs["monitors"]["diverged"]["entry_point"] == "concerted.deepmd.stop_diverged"
    builder.train.monitors = {"own": orm.Dict({"entry_point": "core.always_kill"})}
    process = process_of(builder)
    process.setup()
    assert list(process.ctx.inputs["monitors"]) == ["own"]


def test_overrides_of_a_committee_are_none_of_a_training(dp_code):
    with pytest.raises(ValueError, match="unknown key 'n_models' in the overrides of a training"):
        DeepmdBaseWorkChain.get_protocol_inputs("fast", {"n_models": 3})


@pytest.mark.slow
@pytest.mark.deepmd
def test_a_training_that_diverges_is_ended_early_and_begun_anew_at_half_the_rate(build):
    builder = build(
        n_steps=200_000, start_learning_rate=1.0e4, stop_learning_rate=1.0e3, display_interval_steps=20,
        save_interval_steps=100_000,
    )  # fmt: skip
    builder.train.monitors = {
        "diverged": orm.Dict({"entry_point": "concerted.deepmd.stop_diverged", "minimum_poll_interval": 1})
    }
    _, node = run_get_node(builder)
    assert node.exit_status == DeepmdBaseWorkChain.exit_codes.ERROR_DIVERGED.status
    assert "1e+04, 5e+03, 2.5e+03" in node.exit_message
    jobs = [child for child in node.called if isinstance(child, orm.CalcJobNode)]
    assert [job.exit_status for job in jobs] == [CODES.ERROR_TRAINING_DIVERGED.status] * 3
    assert all(job.outputs.learning_curve.get_array("step")[-1] < 200_000 for job in jobs)


KILLED_ONCE = """#!/usr/bin/env bash
# Kills the first training when it has written its second checkpoint, and the whole job with it, as a scheduler does.
if [[ "$2" == train && ! -e {flag} ]]; then
    {dp} "$@" & training=$!
    while kill -0 $training && ! grep -q 'path: "model.ckpt-400"' checkpoint; do sleep 0.02; done 2>/dev/null
    touch {flag}
    kill -9 $training
    kill -9 $PPID
fi
exec {dp} "$@"
"""


@pytest.mark.slow
@pytest.mark.deepmd
def test_a_training_that_was_killed_repeats_no_step_before_its_last_checkpoint(
    build, aiida_code_installed, fast_localhost, tmp_path
):
    script = tmp_path / "dp-killed-once"
    script.write_text(KILLED_ONCE.format(flag=tmp_path / "killed", dp=executable("dp")))
    script.chmod(0o755)
    code = aiida_code_installed(
        label="killed", computer=fast_localhost, default_calc_job_plugin="concerted.deepmd.train",
        filepath_executable=str(script), prepend_text=SINGLE_THREAD,
    )  # fmt: skip
    builder = build(code=code, n_steps=2000, save_interval_steps=200, display_interval_steps=50)
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    first, second = (child for child in node.called if isinstance(child, orm.CalcJobNode))
    assert first.exit_status == CODES.ERROR_TRAINING_STOPPED.status
    reached = first.outputs.results["checkpoint_step"]
    assert reached >= 400
    assert outputs["results"]["restarted_from_step"] == reached
    steps = list(outputs["learning_curve"].get_array("step"))
    assert steps == list(range(0, 2001, 50)) or steps == [0, 1, *range(50, 2001, 50)]
    log = second.outputs.retrieved.base.repository.get_object_content("train.log")
    assert "restart from model" in log
    assert "model" in outputs

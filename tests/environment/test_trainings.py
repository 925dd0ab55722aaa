"""How far the trainings under way are, by the log of a job that runs on this machine."""

import io

import pytest
from aiida import orm
from aiida.common import LinkType
from plumpy.process_states import ProcessState
from rich.console import Console

from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation
from aiida_concerted.cli.training_table import training_table
from aiida_concerted.environment.processes import read_process_tree
from aiida_concerted.environment.trainings import TrainingStatus, read_trainings
from aiida_concerted.formats.deepmd_log import TrainingProgress
from aiida_concerted.workflows.deepmd.base import DeepmdBaseWorkChain
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain

LOG = (
    "".join("implib-gen: no library\n" for _ in range(1000))
    + "[…] DEEPMD INFO    Batch    3000: trn: rmse = 2.34e+00, rmse_e = 1.22e-02, rmse_f = 1.59e-01, lr = 2.15e-04\n"
    + "[…] DEEPMD INFO    Batch    3000: total wall time = 19.67 s, eta = 0:27:52 at 2026-01-01 10:28\n"
)


def process(node, kind, caller=None, label="", state=ProcessState.RUNNING):
    node.set_process_label(kind.__name__)
    node.set_process_type(kind.build_process_type())
    node.set_process_state(state)
    if caller is not None:
        link = LinkType.CALL_CALC if isinstance(node, orm.CalcJobNode) else LinkType.CALL_WORK
        node.base.links.add_incoming(caller, link, label)
    return node


@pytest.fixture
def committee(aiida_profile, fast_localhost, tmp_path):
    """Return a committee of which one member trains here, one on another machine, one waits, and one is done."""
    _, far = orm.Computer.collection.get_or_create(
        label="far-training", hostname="far", transport_type="core.ssh", scheduler_type="core.slurm"
    )
    far.store()
    node = process(orm.WorkChainNode(), DeepmdCommitteeWorkChain).store()
    parameters = orm.Dict({"n_steps": 20000}).store()
    states = (ProcessState.RUNNING, ProcessState.RUNNING, ProcessState.WAITING, ProcessState.FINISHED)
    for number, state in enumerate(states):
        member = process(orm.WorkChainNode(), DeepmdBaseWorkChain, node, f"model_{number}", state)
        member.base.links.add_incoming(parameters, LinkType.INPUT_WORK, "train__parameters")
        member.store()
        if number < 2:
            job = process(orm.CalcJobNode(), DeepmdTrainCalculation, member, "iteration_01")
            job.computer = far if number else fast_localhost
            job.store()
            job.set_remote_workdir(str(tmp_path))
    (tmp_path / "train.log").write_text(LOG, encoding="utf-8")
    return node


def test_trainings_under_way_say_how_far_they_are(committee):
    assert read_trainings(read_process_tree(committee.uuid)) == [
        TrainingStatus("model_0", 20000, TrainingProgress(3000, 1672.0, 0.159)),
        TrainingStatus("model_1", 20000, None),
        TrainingStatus("model_2", 20000, None),
    ]


def test_a_log_that_is_gone_says_nothing(committee, tmp_path):
    (tmp_path / "train.log").unlink()
    assert read_trainings(read_process_tree(committee.uuid))[0].progress is None


def test_the_table():
    told = [
        TrainingStatus("model_0", 20000, TrainingProgress(3000, 1672.0, 0.159)),
        TrainingStatus("model_1", 500, None),
    ]
    console = Console(file=io.StringIO(), width=100)
    console.print(training_table(told))
    assert [line.split() for line in console.file.getvalue().splitlines()] == [
        ["Training", "Steps", "Force", "error", "(eV/Å)", "Left"],
        ["model", "0", "3,000", "of", "20,000", "0.159", "27:52"],
        ["model", "1", "–", "of", "500", "–", "–"],
    ]

"""What a killed daemon leaves behind: tasks lost, doubled, damaged; processes that can never go on."""

from __future__ import annotations

import json
import subprocess

import pytest
from aiida import orm
from plumpy.process_states import ProcessState

from aiida_concerted.environment.tasks import queued_processes, settle_interrupted_processes


def put_task(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(text)


def task(pk):
    return json.dumps({"id": "x", "body": {"task": "continue", "args": {"pid": pk, "nowait": True}}})


def test_damaged_and_double_tasks_are_removed(tmp_path):
    put_task(tmp_path / "processing", "1_a", task(11))
    put_task(tmp_path / "pending", "2_b", task(11))
    put_task(tmp_path / "pending", "3_c", task(12))
    put_task(tmp_path / "pending", "4_d", "")
    put_task(tmp_path / "pending", "5_e", '{"body": null}')
    assert queued_processes(tmp_path) == {11, 12}
    assert sorted(path.name for path in tmp_path.glob("*/*.json")) == ["1_a.json", "3_c.json"]


def test_a_queue_that_never_was_is_empty(tmp_path):
    assert queued_processes(tmp_path / "absent") == set()


def stored(cls, state, checkpoint=None, computer=None):
    node = cls(computer=computer)
    node.set_process_state(state)
    if checkpoint:
        node.set_checkpoint(checkpoint)
    return node.store()


@pytest.mark.usefixtures("aiida_profile_clean")
def test_only_processes_without_a_task_are_sent_again(tmp_path):
    queued = stored(orm.WorkChainNode, ProcessState.WAITING, "state")
    lost = stored(orm.WorkChainNode, ProcessState.WAITING, "state")
    stored(orm.WorkChainNode, ProcessState.FINISHED)
    put_task(tmp_path / "pending", "1_a", task(queued.pk))
    assert settle_interrupted_processes(tmp_path) == [lost.pk]


@pytest.mark.usefixtures("aiida_profile_clean")
def test_an_interrupted_function_is_killed_and_an_unborn_process_taken_out(tmp_path):
    function = stored(orm.CalcFunctionNode, ProcessState.RUNNING)
    unborn = stored(orm.WorkChainNode, ProcessState.CREATED).uuid
    assert settle_interrupted_processes(tmp_path) == []
    assert function.process_state is ProcessState.KILLED
    assert function.is_sealed
    assert orm.QueryBuilder().append(orm.WorkChainNode, filters={"uuid": unborn}).count() == 0


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_job_whose_number_another_program_has_is_over(tmp_path, aiida_localhost):
    foreign = stored(orm.CalcJobNode, ProcessState.WAITING, "state", computer=aiida_localhost)
    foreign.set_job_id("1")
    foreign.set_remote_workdir(str(tmp_path))
    settle_interrupted_processes(tmp_path)
    assert foreign.get_job_id() != "1"


@pytest.mark.usefixtures("aiida_profile_clean")
def test_a_job_that_runs_keeps_its_number(tmp_path, aiida_localhost):
    with subprocess.Popen(["sleep", "30"], cwd=tmp_path) as job:
        own = stored(orm.CalcJobNode, ProcessState.WAITING, "state", computer=aiida_localhost)
        own.set_job_id(str(job.pid))
        own.set_remote_workdir(str(tmp_path))
        settle_interrupted_processes(tmp_path)
        assert own.get_job_id() == str(job.pid)
        job.kill()

"""The study of a demonstration's folder is found again, also where another one goes on from it."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.common.links import LinkType
from plumpy.process_states import ProcessState

from aiida_concerted.environment.folder import DemoFolder
from aiida_concerted.environment.study import find_study


def study_in(state, earlier=None):
    node = orm.WorkChainNode()
    node.set_process_state(state)
    if earlier is not None:
        node.base.links.add_incoming(orm.Str(earlier.uuid).store(), LinkType.INPUT_WORK, "continues")
    return node.store()


@pytest.fixture
def folder(aiida_profile, tmp_path):
    return DemoFolder.at(tmp_path)


def remember(folder, study):
    folder.study_file.parent.mkdir(parents=True, exist_ok=True)
    folder.study_file.write_text(json.dumps({"uuid": study.uuid}))


def test_a_killed_study_is_begun_anew_unless_another_goes_on_from_it(folder):
    killed = study_in(ProcessState.KILLED)
    remember(folder, killed)
    assert find_study(folder) is None
    second = study_in(ProcessState.FINISHED, killed)
    third = study_in(ProcessState.WAITING, second)
    assert find_study(folder).uuid == third.uuid


def test_a_study_that_is_not_there_is_none(folder):
    remember(folder, orm.WorkChainNode())
    assert find_study(folder) is None

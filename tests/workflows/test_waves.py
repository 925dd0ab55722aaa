import pytest
from aiida import orm
from aiida.engine import run_get_node

from tests.workflows.standins import Several


def run(names, max_concurrent, **inputs):
    return run_get_node(Several, names=orm.List(names), max_concurrent=max_concurrent, **inputs)[1]


def test_children_run_in_waves_of_at_most_so_many(aiida_profile):
    node = run(["a", "b", "c", "d", "e"], 2)
    assert node.is_finished_ok
    assert node.base.extras.get("sizes") == [2, 2, 1]
    labels = {link.link_label for link in node.base.links.get_outgoing().all() if link.link_type.value == "call_work"}
    assert labels == {"a", "b", "c", "d", "e"}


def test_children_of_an_earlier_process_take_no_room(aiida_profile):
    earlier = run(["a", "b", "d"], 3)
    node = run(["a", "b", "c", "d", "e", "f"], 2, continues=earlier.uuid)
    assert node.is_finished_ok
    assert node.base.extras.get("sizes") == [5, 1]
    labels = {link.link_label for link in node.base.links.get_outgoing().all() if link.link_type.value == "call_work"}
    assert labels == {"c", "e", "f"}


def test_a_failure_is_tried_again_once_and_then_named(aiida_profile):
    node = run(["a", "n1", "b"], 3)
    assert node.exit_status == Several.exit_codes.ERROR_CHILDREN_FAILED.status
    assert "n1" in node.exit_message
    assert "at most 2 times" in node.exit_message
    assert "The last says: negative" in node.exit_message
    assert len(node.called) == 4


def test_what_inputs_or_physics_refuse_is_not_tried_again(aiida_profile):
    node = run(["a", "p1", "b"], 3)
    assert node.exit_status == Several.exit_codes.ERROR_CHILDREN_FAILED.status
    assert "The last says: beyond physics" in node.exit_message
    assert len(node.called) == 3


def test_no_room_for_children_is_refused_at_the_door(aiida_profile):
    with pytest.raises(ValueError, match="must be positive, got 0"):
        run(["a"], 0)

from aiida.engine import run_get_node

from tests.workflows.standins import Refused, Repeating


def test_a_step_that_runs_twice_submits_its_child_once(aiida_profile):
    _, node = run_get_node(Repeating)
    assert node.is_finished_ok
    assert len(node.called) == 1


def test_a_refusal_names_function_and_reason(aiida_profile):
    _, node = run_get_node(Refused)
    assert node.exit_status == Refused.exit_codes.ERROR_FUNCTION_FAILED.status
    assert node.exit_message == f"refuse <{node.called[0].pk}>: no use for 7"

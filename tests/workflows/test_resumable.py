import pytest
from aiida import orm
from aiida.engine import BaseRestartWorkChain, run_get_node
from aiida.engine.persistence import AiiDAPersister
from aiida.manage import get_manager
from aiida.plugins import WorkflowFactory
from aiida.plugins.entry_point import get_entry_point_names
from plumpy import LoadSaveContext

from aiida_concerted.workflows.restarting import RestartingWorkChain
from aiida_concerted.workflows.resumable import NEVER_BEGAN
from tests.workflows.standins import Interrupted, Refused, Repeating, RestartingTwice, Trying


def test_a_step_that_runs_twice_submits_its_child_once(aiida_profile):
    _, node = run_get_node(Repeating)
    assert node.is_finished_ok
    assert len(node.called) == 1


def test_a_refusal_names_function_and_reason(aiida_profile):
    _, node = run_get_node(Refused)
    assert node.exit_status == Refused.exit_codes.ERROR_FUNCTION_FAILED.status
    assert node.exit_message == f"refuse <{node.called[0].pk}>: no use for 7"


def test_a_child_that_never_began_is_given_up_and_submitted_again(aiida_profile):
    _, node = run_get_node(Interrupted)
    assert node.is_finished_ok
    first, second = sorted(node.called, key=lambda child: child.pk)
    assert first.is_killed
    assert first.is_sealed
    assert first.process_status == NEVER_BEGAN
    assert second.is_finished_ok


def test_a_step_that_runs_twice_submits_its_calculation_once(aiida_profile):
    _, node = run_get_node(RestartingTwice, child={"number": orm.Int(1)})
    assert node.is_finished_ok
    assert len(node.called) == 1


def test_a_failure_is_still_run_again(aiida_profile):
    _, node = run_get_node(RestartingTwice, child={"number": orm.Int(-1)}, on_unhandled_failure=orm.Str("restart_once"))
    assert node.exit_status == RestartingTwice.exit_codes.ERROR_UNHANDLED_FAILURE.status
    assert len(node.called) == 2


def test_all_work_chains_that_run_a_calculation_again_submit_it_once():
    chains = [
        WorkflowFactory(name) for name in get_entry_point_names("aiida.workflows") if name.startswith("concerted.")
    ]
    restarting = [chain for chain in chains if isinstance(chain, type) and issubclass(chain, BaseRestartWorkChain)]
    assert len(restarting) > 3
    assert all(issubclass(chain, RestartingWorkChain) for chain in restarting)


def builder_of(number):
    builder = Trying.get_builder()
    builder.number = number
    return builder


@pytest.mark.parametrize(("number", "n_before", "n_children"), [(1, 0, 1), (-1, 0, 2), (-1, 1, 2)])
def test_a_try_whose_checkpoint_was_lost_is_waited_for_and_none_is_made_beside_it(
    process_of, number, n_before, n_children
):
    """The step has submitted its child when the daemon dies; what is read again is the checkpoint before it."""
    process = process_of(builder_of(number))
    runner = get_manager().get_runner()

    def step_until(is_there):
        while not is_there():
            before = AiiDAPersister().load_checkpoint(process.pid)
            runner.loop.run_until_complete(process.step())
        return before

    AiiDAPersister().save_checkpoint(process)
    checkpoint = step_until(lambda: len(process.node.called) > n_before)
    again = checkpoint.unbundle(LoadSaveContext(runner=runner))
    assert again.ctx.get("tries", {}).get("only", 0) == n_before
    runner.loop.run_until_complete(again.step_until_terminated())
    node = orm.load_node(process.pid)
    assert node.is_finished_ok
    assert len(node.called) == n_children
    assert node.base.extras.get("child") == max(child.pk for child in node.called)

"""Processes that nothing runs any more: those of a terminal that was closed, or of a daemon that is gone for good."""

from __future__ import annotations

from aiida_concerted.environment.processes import ProcessSummary

_STATUS = "given up: what ran it was gone"


def abandon(tree: ProcessSummary) -> int:
    """Mark what has not ended at and below a process as killed, and return how many processes these are.

    AiiDA cannot do this to a process that answers no message. A job of it that a scheduler still holds goes on.
    """
    from aiida.orm import ProcessNode
    from plumpy.process_states import ProcessState

    left = [process for process in tree.walk() if not process.has_ended]
    for process in left:
        node = ProcessNode.collection.get(uuid=process.uuid)
        node.set_process_state(ProcessState.KILLED)
        node.set_process_status(_STATUS)
        node.delete_checkpoint()
        node.seal()
    return len(left)

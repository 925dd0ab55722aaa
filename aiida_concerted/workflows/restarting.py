"""Work chains that run a calculation again where it failed, and nowhere else."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import BaseRestartWorkChain

from aiida_concerted.workflows.resumable import begun_children


class RestartingWorkChain(BaseRestartWorkChain):
    """AiiDA's restarting work chain, whose calculations are submitted once.

    AiiDA repeats a step that was interrupted before its checkpoint was written. The calculation which that step had
    submitted by then is in the graph, and the work chain waits for it.
    """

    def submit(self, process: Any, inputs: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        """Return the calculation of this label, submitting it unless that was done before an interruption."""
        label = {**(inputs or {}), **kwargs}.get("metadata", {}).get("call_link_label")
        submitted: list[orm.ProcessNode] = begun_children(self.node, label) if label else []
        if not submitted:
            return super().submit(process, inputs, **kwargs)
        self.report(f"{label} <{submitted[0].pk}> had been submitted before an interruption; waiting for it")
        return submitted[0]

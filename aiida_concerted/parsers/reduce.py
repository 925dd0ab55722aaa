"""What the analysis of a run on another machine brought home, as nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.lammps_run import CONTEXT, run_context
from aiida_concerted.calculations.reduce import ReduceCalculation, in_order, run_of
from aiida_concerted.calculations.result_nodes import diffusivity_node, result_context, site_nodes
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.parsers.frame_jobs import FrameJobParser
from aiida_concerted.reduction.portable import Reduced, read_reduced
from aiida_concerted.reduction.request import Segment
from aiida_concerted.reduction.work import history_of


class ReduceParser(FrameJobParser):
    """Makes the nodes of a :class:`ReduceCalculation`, by the same functions as the calcfunctions."""

    LOG = ReduceCalculation.LOG

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach what was brought home, and return what went wrong."""
        try:
            reduced = read_reduced(Path(retrieved_temporary_folder))
            if reduced.failure is not None:
                return self.failure(reduced.failure)
            self._attach(reduced)
        except (KeyError, TypeError, ValueError) as error:
            return self.no_result(error)
        self.warn_of_version(reduced.version, "numbers")
        if reduced.refused:
            return self.exit_codes.WARNING_RESULTS_REFUSED.format(reasons="; ".join(reduced.refused.values()))
        return None

    def _attach(self, reduced: Reduced) -> None:
        """Attach a node for every result.

        :raises KeyError, TypeError, ValueError: if something is none.
        """
        facts = self._trajectory(reduced)
        contents, inputs = reduced.contents, self.node.inputs
        results = {
            "n_frames": facts["n_frames"],
            "duration_ps": (facts["n_frames"] - 1) * facts["frame_interval_ps"],
            "version": reduced.version,
            "refused": reduced.refused,
        }
        self.out("results", orm.Dict(results))
        if "parameters" not in inputs:
            return
        context = result_context(facts, analysis_parameters(inputs.parameters))
        if "diffusivity" in contents:
            self.out("diffusivity", diffusivity_node(contents["diffusivity"], context))
        if "history" in contents:
            history, placement, others = history_of(contents["history"])
            node = SiteHistoryData(history, placement, context={**context, **others})
            self.out("site_history", node)
            if "statistics" in contents:
                statistics, modes = site_nodes(contents["statistics"], contents["modes"], node)
                self.out("site_statistics", statistics)
                self.out("modes", modes)
        if reduced.judgement is not None:
            self.out("judgement", orm.Dict(reduced.judgement))

    def _trajectory(self, reduced: Reduced) -> dict[str, Any]:
        """Return the attributes of the run's node, after attaching it where the run was read for the first time."""
        inputs = self.node.inputs
        known = inputs.trajectory if "trajectory" in inputs else None
        sources = in_order(getattr(inputs, "segments", None))
        if not sources:
            found: dict[str, Any] = known.base.attributes.all
            return found
        first = sources[0].creator
        attributes = run_context(first) if known is None else known.base.attributes.all
        node = StashedTrajectoryData(
            run_of(sources[-1].creator),
            [from_mapping(Segment, segment, "segments") for segment in reduced.segments],
            facts=reduced.facts,
            computer=sources[0].computer,
            context={key: attributes.get(key) for key in CONTEXT},
        )
        self.out("trajectory", node)
        return dict(node.base.attributes.all)

"""What a choice of frames on another machine brought home, as nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_concerted.calculations.pick import PickCalculation
from aiida_concerted.data.conversion import wrapped_structure
from aiida_concerted.learning.explored import candidate_label
from aiida_concerted.parsers.frame_jobs import FrameJobParser
from aiida_concerted.reduction.picking import read_picked


class PickParser(FrameJobParser):
    """Makes the nodes of a :class:`PickCalculation`, by the same functions as the calcfunction."""

    LOG = PickCalculation.LOG

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach what was brought home, and return what went wrong."""
        try:
            picked = read_picked(Path(retrieved_temporary_folder))
        except ValueError as error:
            return self.no_result(error)
        if picked.failure is not None:
            return self.failure(picked.failure)
        for (name, frame), one in picked.frames.items():
            self.out(
                f"candidates.{candidate_label(name, frame)}", wrapped_structure(one.cell, one.positions, one.species)
            )
        self.out("statistics", orm.Dict(picked.statistics))
        self.warn_of_version(picked.version, "choices")
        return None

"""What a choice of frames on another machine brought home, as nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_concerted import __version__
from aiida_concerted.calculations.pick import PickCalculation
from aiida_concerted.data.conversion import wrapped_structure
from aiida_concerted.learning.explored import candidate_label
from aiida_concerted.parsers.reduce import FAILURES
from aiida_concerted.reduction.picking import read_picked


class PickParser(Parser):
    """Makes the nodes of a :class:`PickCalculation`, by the same functions as the calcfunction."""

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach what was brought home, and return what went wrong."""
        try:
            picked = read_picked(Path(retrieved_temporary_folder))
        except ValueError as error:
            return self.exit_codes.ERROR_NO_RESULT.format(reason=self._reason(str(error)))
        if picked.failure is not None:
            kind, reason = picked.failure
            return self.exit_codes[FAILURES.get(kind, "ERROR_NO_RESULT")].format(reason=reason.rstrip("."))
        for (name, frame), one in picked.frames.items():
            self.out(
                f"candidates.{candidate_label(name, frame)}", wrapped_structure(one.cell, one.positions, one.species)
            )
        self.out("statistics", orm.Dict(picked.statistics))
        if picked.version != __version__:
            self.logger.warning(f"aiida-concerted is {picked.version} there and {__version__} here: choices may differ")
        return None

    def _reason(self, error: str) -> str:
        """Return the last words of the job beside what is wrong with its results."""
        if PickCalculation.LOG not in self.retrieved.base.repository.list_object_names():
            return error
        log = self.retrieved.base.repository.get_object_content(PickCalculation.LOG, mode="rb")
        lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
        return f"{error} ({lines[-1].strip()})" if lines else error

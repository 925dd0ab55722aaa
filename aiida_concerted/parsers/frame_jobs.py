"""What the parsers of jobs that read frames where they lie have in common."""

from __future__ import annotations

from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_concerted import __version__
from aiida_concerted.calculations.frame_jobs import FAILURES


class FrameJobParser(Parser):
    """Says how a job failed that reads frames where they lie."""

    LOG: str
    """Name of the log of the job."""

    def failure(self, told: tuple[str, str]) -> ExitCode:
        """Return the exit code of a failure that the job told.

        :param told: its kind and its reason.
        """
        kind, reason = told
        exit_code: ExitCode = self.exit_codes[FAILURES.get(kind, "ERROR_NO_RESULT")]
        return exit_code.format(reason=reason.rstrip("."))

    def no_result(self, error: Exception) -> ExitCode:
        """Return the exit code of a job without a result, with its last words beside what is wrong with the files."""
        exit_code: ExitCode = self.exit_codes.ERROR_NO_RESULT
        return exit_code.format(reason=" ".join([str(error), *self._last_words()]))

    def _last_words(self) -> list[str]:
        if self.LOG not in self.retrieved.base.repository.list_object_names():
            return []
        log = self.retrieved.base.repository.get_object_content(self.LOG, mode="rb")
        lines = [line for line in log.decode(errors="replace").splitlines() if line.strip()]
        return [f"({lines[-1].strip()})"] if lines else []

    def warn_of_version(self, there: str, what: str) -> None:
        """Warn where another version made the result.

        :param what: what may differ.
        """
        if there != __version__:
            self.logger.warning(f"aiida-concerted is {there} there and {__version__} here: {what} may differ")

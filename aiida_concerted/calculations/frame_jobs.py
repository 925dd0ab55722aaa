"""How jobs end that read frames where they lie."""

from __future__ import annotations

from aiida.engine import CalcJobProcessSpec

from aiida_concerted.reduction.segments import CHANGED, MISSING, UNREADABLE
from aiida_concerted.reduction.telling import BAD_REQUEST

FAILURES = {
    MISSING: "ERROR_FRAMES_MISSING",
    CHANGED: "ERROR_FRAMES_CHANGED",
    UNREADABLE: "ERROR_FRAMES_UNREADABLE",
    BAD_REQUEST: "ERROR_REQUEST_REFUSED",
}
"""Exit codes of failures by their kinds; a second try of the same job would mend none of them."""


def define_failures(spec: CalcJobProcessSpec, log: str, *, missing: str, changed: str) -> None:
    """Define the exit codes of a job that reads frames where they lie.

    :param log: name of its log.
    :param missing: what to do where frames are missing.
    :param changed: what to do where they are no longer those that were sealed.
    """
    for status, label, message in (
        (310, "ERROR_NO_RESULT", f"The job left no result: {{reason}}. See {log} in `retrieved`."),
        (311, FAILURES[MISSING], f"{{reason}}. {missing}"),
        (312, FAILURES[CHANGED], f"{{reason}}. {changed}"),
        (313, FAILURES[UNREADABLE], "The frames cannot be read as one run: {reason}."),
        (314, FAILURES[BAD_REQUEST], "The other machine does not take the request: {reason}."),
    ):
        spec.exit_code(status, label, message=message, invalidates_cache=True)

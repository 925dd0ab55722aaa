"""An archive of a study that may be shared."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.scrub import Progress, ScrubReport, holds_licensed_text, scrub_archive

if TYPE_CHECKING:
    from aiida.orm import Node


def create_clean_archive(nodes: Sequence[Node], path: Path, *, progress: Progress | None = None) -> ScrubReport:
    """Write nodes with all their ancestors and everything they called; return what was taken out on the way.

    POTCARs appear as aiida-vasp's façade, which holds title and hash; the nodes that hold their text are never linked
    to a calculation, and what files hold of it is cut. The archive gets its name when it is whole.

    :param progress: called with the number of files looked through and their total.
    :raises ArchiveError: if it cannot be written.
    """
    from aiida.tools.archive import create_archive
    from aiida.tools.archive.exceptions import ExportValidationError

    raw = path.with_name(f".{path.name}.raw")
    try:
        with _quiet():
            create_archive(list(nodes), filename=raw, overwrite=True, call_calc_backward=True, call_work_backward=True)
        if not holds_licensed_text(raw):
            raw.replace(path)
            return ScrubReport()
        return scrub_archive(raw, path, progress=progress)
    except ExportValidationError as error:
        raise ArchiveError(
            "what has not ended cannot be archived: wait for it ('aiida-concerted status'), or 'verdi process kill'"
        ) from error
    except OSError as error:
        raise ArchiveError(
            f"cannot write {path} ({error.strerror or error}): free some space and start again"
        ) from error
    finally:
        raw.unlink(missing_ok=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep AiiDA's report on how it exports from the terminal."""
    logger = logging.getLogger("aiida.export")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)

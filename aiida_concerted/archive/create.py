"""An archive of a study that may be shared."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_concerted.archive.cut import Content, Cut, cut_archive
from aiida_concerted.archive.errors import NOT_ENDED, ArchiveError
from aiida_concerted.archive.graph import Amount, measure_archive
from aiida_concerted.archive.identity import Author, IdentityReport, find_identity, remove_identity
from aiida_concerted.archive.manifest import LICENCE, add_manifest
from aiida_concerted.archive.scrub import Progress, ScrubReport, holds_licensed_text, scrub_archive
from aiida_concerted.queries.calls import continued, taken_over

if TYPE_CHECKING:
    from aiida.orm import Node


@dataclass(frozen=True)
class Removed:
    """What was taken out of an archive, and what is in it.

    :param potcars: text of POTCARs.
    :param identity: persons and machines; ``None`` where they were left in.
    :param cut: nodes that were left out to make it smaller; ``None`` where everything is in it.
    :param contents: number and size of the nodes in it, by their kind.
    """

    potcars: ScrubReport
    identity: IdentityReport | None
    cut: Cut | None = None
    contents: dict[str, Amount] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Return whether there was no text of POTCARs to take out."""
        return self.potcars.is_clean


def create_clean_archive(
    nodes: Sequence[Node],
    path: Path,
    *,
    content: Content = Content.FULL,
    author: Author | None = None,
    keep_identity: bool = False,
    with_callers: bool = True,
    licence: str = LICENCE,
    citation: str | None = None,
    progress: Progress | None = None,
) -> Removed:
    """Write nodes with all their ancestors and everything they called; return what was taken out on the way.

    The studies that a study continues are inside as well, with what it took over from them; of ``results`` those
    that it did not make anew.

    POTCARs appear as aiida-vasp's façade, which holds title and hash; the nodes that hold their text are never linked
    to a calculation, and what files hold of it is cut. Addresses, hosts and folders are replaced. The archive gets its
    name when it is whole.

    :param content: how much of it; what is left out stands in the manifest.
    :param author: who is named as the author of all nodes; nobody when not given.
    :param keep_identity: leave addresses, hosts and folders as they are.
    :param with_callers: also the work chains that called what is behind the nodes, hence all that these called.
    :param licence: under which others may use what is in it, an SPDX identifier.
    :param citation: how to cite it; the software and the paper of its method when not given.
    :param progress: called with the number of files looked through and their total.
    :raises ArchiveError: if it cannot be written.
    """
    from aiida.tools.archive import create_archive
    from aiida.tools.archive.exceptions import ExportValidationError

    raw = path.with_name(f".{path.name}.raw")
    try:
        with _quiet():
            create_archive(
                [*nodes, *taken_over(nodes)], filename=raw, overwrite=True,
                call_calc_backward=with_callers, call_work_backward=with_callers,
            )  # fmt: skip
        known = None if keep_identity else find_identity(raw)
        cut = (
            None
            if content is Content.FULL
            else cut_archive(raw, content, [(later.uuid, earlier.uuid) for later, earlier in continued(nodes)])
        )
        potcars = scrub_archive(raw, raw, progress=progress) if holds_licensed_text(raw) else ScrubReport()
        identity = None if known is None else remove_identity(raw, raw, author=author, progress=progress, known=known)
        add_manifest(raw, licence=licence, citation=citation, cut=None if cut is None else cut.as_dict())
        contents = measure_archive(raw)
        raw.replace(path)
        return Removed(potcars, identity, cut, contents)
    except ExportValidationError as error:
        raise ArchiveError(NOT_ENDED) from error
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

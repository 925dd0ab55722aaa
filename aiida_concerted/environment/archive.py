"""The archive of a study: everything from the input structure to the results, and no licensed text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

_POTCAR_TEXT = "data.vasp.potcar_file.%"


def archive_study(study: ProcessNode, path: Path) -> None:
    """Write the study with all its ancestors and everything it called to ``path``.

    POTCARs appear as aiida-vasp's façade, which holds title and hash; the nodes that hold their text are never linked
    to a calculation, and the finished file is looked through for them before it gets its name.

    :raises SetupError: if a POTCAR's text is in the archive, or it cannot be written.
    """
    from aiida.tools.archive import create_archive

    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        create_archive([study], filename=unfinished, overwrite=True, call_calc_backward=True, call_work_backward=True)
        count = count_potcar_texts(unfinished)
        if count:
            raise SetupError(f"the archive would hold the text of {count} POTCARs, so it was not written: report this")
        unfinished.replace(path)
    except OSError as error:
        raise SetupError(f"cannot write {path} ({error.strerror}): free some space and start again") from error
    finally:
        unfinished.unlink(missing_ok=True)


def count_potcar_texts(path: Path) -> int:
    """Return how many nodes in an archive hold the text of a POTCAR."""
    from aiida.orm import Node
    from aiida.tools.archive.implementations.sqlite_zip.main import ArchiveFormatSqlZip

    with ArchiveFormatSqlZip().open(path, "r") as reader:
        return int(reader.querybuilder().append(Node, filters={"node_type": {"like": _POTCAR_TEXT}}).count())

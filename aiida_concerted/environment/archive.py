"""The archive of a study: everything from the input structure to the results, and no licensed text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.scrub import POTCAR_FILE
from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida.orm import ProcessNode


def archive_study(study: ProcessNode, path: Path) -> None:
    """Write the study with all its ancestors and everything it called to ``path``, without the text of POTCARs.

    :raises SetupError: if it cannot be written.
    """
    try:
        create_clean_archive([study], path)
    except ArchiveError as error:
        raise SetupError(str(error)) from error


def count_potcar_texts(path: Path) -> int:
    """Return how many nodes in an archive hold the text of a POTCAR."""
    from aiida.orm import Node
    from aiida.tools.archive.implementations.sqlite_zip.main import ArchiveFormatSqlZip

    with ArchiveFormatSqlZip().open(path, "r") as reader:
        return int(reader.querybuilder().append(Node, filters={"node_type": {"like": POTCAR_FILE}}).count())

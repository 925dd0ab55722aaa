"""Study files from and to disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aiida_concerted.common.files import write_at_once
from aiida_concerted.common.schema_check import check
from aiida_concerted.common.strict_yaml import read_strict
from aiida_concerted.workflows.studyfile.schema import SCHEMA, study_schema


@dataclass(frozen=True)
class StudyFile:
    """What a study file says, checked against its schema.

    :param content: the file as a dictionary.
    :param folder: what its relative paths refer to.
    :param name: the file in messages.
    """

    content: dict[str, Any]
    folder: Path
    name: str = "the study file"

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a top-level key."""
        value = self.content.get(key)
        return default if value is None else value

    def section(self, key: str) -> dict[str, Any]:
        """Return a section, empty where the file has none."""
        return dict(self.get(key, {}))

    def path(self, name: str) -> Path | None:
        """Return the file of this name, relative to the study file's folder; ``None`` where there is none."""
        path = self.folder / Path(name).expanduser()
        return path if path.is_file() else None


def read_study_file(path: Path) -> StudyFile:
    """Return a study file.

    :raises ValueError: in one line, if it cannot be read or says what it may not.
    """
    content = read_strict(path)
    try:
        return parse_study(content, folder=path.parent, name=path.name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def parse_study(content: Any, *, folder: Path, name: str = "the study file") -> StudyFile:
    """Return the study that a dictionary describes.

    :param folder: what relative paths refer to.
    :raises ValueError: in one line, naming the key that is unknown, missing or of the wrong kind.
    """
    check(content, study_schema())
    return StudyFile(content, folder, name)


def write_study_file(path: Path, content: dict[str, Any], *, comment: str = "") -> None:
    """Write a study file, keys in the order of ``content`` and the schema's name first.

    :param content: what stands in it; ``schema`` is added.
    :param comment: lines that stand at its top, such as where the numbers come from.
    :raises ValueError: if the content is none that :func:`read_study_file` would take.
    """
    whole = {"schema": SCHEMA, **content}
    parse_study(whole, folder=path.parent)
    text = yaml.safe_dump(whole, sort_keys=False, default_flow_style=None, allow_unicode=True, width=110)
    write_at_once(path, "".join(f"# {line}\n" for line in comment.splitlines()) + text)

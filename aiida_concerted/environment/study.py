"""The one study of a demonstration folder: submitted once, found again whatever was killed in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import DemoFolder, read_json, write_json_atomically

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import ProcessNode

STUDY_LABEL = "aiida-concerted demonstration"


def find_study(folder: DemoFolder) -> ProcessNode | None:
    """Return the folder's study, or ``None`` where none was submitted or it was killed.

    The file that remembers it comes first; where that is lost, the newest process with the label of a demonstration.
    Of one that was continued it is the newest that goes on from it.
    """
    from aiida import orm

    from aiida_concerted.queries.calls import continued_by

    remembered = (read_json(folder.study_file) or {}).get("uuid")
    alive: dict[str, Any] = {"attributes.process_state": {"!==": "killed"}}
    filters = {"uuid": remembered} if remembered else {"label": STUDY_LABEL, **alive}
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters=filters, tag="study")
    query.order_by({"study": {"id": "desc"}})
    found: list[Any] = query.limit(1).all(flat=True)
    study = found[0] if found else None
    while study is not None and (later := continued_by(study)) is not None:
        study = later
    return None if study is None or study.is_killed else study


def submit_study(
    folder: DemoFolder, build: Callable[[], ProcessBuilder], settings: dict[str, Any]
) -> tuple[ProcessNode, bool]:
    """Return the folder's study and whether it was submitted now rather than earlier.

    :param build: makes the builder of a new study; called only if there is none.
    :param settings: what a new study is built with, to be remembered.
    """
    study = find_study(folder)
    if study is not None:
        _remember(folder, study, settings)
        return study, False
    from aiida.engine import submit

    builder = build()
    builder["metadata"]["label"] = STUDY_LABEL
    study = submit(builder)
    _remember(folder, study, settings)
    return study, True


def compare_settings(folder: DemoFolder, chosen: dict[str, Any]) -> None:
    """Refuse settings that differ from those of the study that the folder already holds.

    :raises SetupError: if one does.
    """
    known = (read_json(folder.study_file) or {}).get("settings", {})
    for name, value in chosen.items():
        if name in known and known[name] != value:
            raise SetupError(
                f"{folder.path} holds a study with {name} {known[name]}, not {value}: use --restart or another --folder"
            )


def _remember(folder: DemoFolder, study: ProcessNode, settings: dict[str, Any]) -> None:
    if (read_json(folder.study_file) or {}).get("uuid") != study.uuid:
        write_json_atomically(folder.study_file, {"uuid": study.uuid, "pk": study.pk, "settings": settings})

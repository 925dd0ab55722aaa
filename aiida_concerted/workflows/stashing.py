"""Frames that stay on the computer of the runs: from what a file says to the options of the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilderNamespace

from aiida_concerted.common.hints import nearest
from aiida_concerted.formats.lammps_frames import frame_files
from aiida_concerted.reduction.request import ARCHIVES
from aiida_concerted.workflows.continuing import REDUCE
from aiida_concerted.workflows.executables import check_code
from aiida_concerted.workflows.options import calcjob_options

COPY = "copy"
MODES = (COPY, *ARCHIVES)
"""How frames are stashed: copied, or packed; AiiDA's own words."""


def fill_stash(run: ProcessBuilderNamespace, stash: Mapping[str, Any]) -> None:
    """Let the frames of runs stay where they are made, where a folder for them is named.

    :param run: inputs of `concerted.lammps.md`, its code and options set.
    :param stash: ``folder``, absolute, on the computer of the runs, or ``None``; ``mode``, one of :data:`MODES`; and
        ``code``, label of the code of `concerted.reduce` there.
    :raises ValueError: if something is missing, or the code runs elsewhere.
    """
    code = None if stash.get("code") is None else _load(stash["code"])
    if code is not None:
        check_code(code, REDUCE)
        run.reduce.code = code
        run.reduce.metadata.options = calcjob_options(None, code)
    folder = stash.get("folder")
    if folder is None:
        return
    if not isinstance(folder, str) or not folder.startswith("/"):
        raise ValueError(f"stash.folder must be an absolute path on the computer of the runs, got {folder!r}")
    if stash.get("mode") not in MODES:
        raise ValueError(f"stash.mode: there is no '{stash.get('mode')}': {nearest(str(stash.get('mode')), MODES)}")
    if code is None:
        raise ValueError("stash.folder needs a code that analyses frames where they are: give codes.concerted")
    if code.computer.uuid != run.md.code.computer.uuid:
        raise ValueError(
            f"stash: the runs are made on {run.md.code.computer.label}, where {code.full_label} does not run: give a "
            "code of that computer as codes.concerted"
        )
    run.md.metadata.options = {**dict(run.md.metadata.options), "stash": stash_options(folder, stash["mode"])}


def stash_options(folder: str, mode: str) -> dict[str, Any]:
    """Return the option ``stash`` of the jobs of runs, as AiiDA takes it."""
    options: dict[str, Any] = {
        "target_base": folder, "stash_mode": mode, "source_list": frame_files(has_framework=True),
    }  # fmt: skip
    return options if mode == COPY else {**options, "dereference": False}


def _load(name: Any) -> orm.AbstractCode:
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_code(name)
    except (NotExistent, MultipleObjectsError, ValueError, TypeError) as error:
        raise ValueError(f"stash.code: there is no code {name}: see 'verdi code list' ({error})") from None

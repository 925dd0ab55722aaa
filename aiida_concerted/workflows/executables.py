"""Codes of this computer looked at before anything is submitted: what cannot start would fail hours later."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from pathlib import Path

from aiida import orm
from aiida.manage.configuration import get_config

from aiida_concerted.common.executables import check_deepmd_pair_style, check_starts, fingerprint, refuse_missing

SURROGATE = "concerted-vasp-surrogate"
LOCAL = "core.local"


def check_code(code: orm.AbstractCode, program: str) -> None:
    """Refuse a code of this computer that cannot do its work.

    Codes of other computers, and those in containers, are not looked at.

    Starting an engine takes ten seconds, so that a check that passed is remembered, for as long as executable and
    prepend texts do not change.

    :param program: ``dp``, ``lmp`` or ``vasp``. VASP itself cannot be asked for its version, and is only looked for.
    :raises ValueError: in one line that names the code, what is wrong and what to do.
    """
    if not isinstance(code, orm.InstalledCode) or code.computer.transport_type != LOCAL:
        return
    if isinstance(code, orm.ContainerizedCode):
        return  # its executable is a file of the container, not of this computer
    cure = f"install it there, or set up the code '{code.full_label}' again"
    prepare = _prepare(code)
    executable = _find(str(code.filepath_executable), prepare)
    if executable is None:
        return
    refuse_missing(executable, cure)
    key = _key(executable, program, prepare)
    if key not in _remembered():
        _start(executable, program, cure, prepare)
        _remember(key)


def remember_code(code: orm.InstalledCode, program: str) -> None:
    """Note that a code was seen to work, so that it is not started again to find out.

    :param program: ``dp``, ``lmp`` or ``vasp``.
    """
    _remember(_key(Path(code.filepath_executable), program, _prepare(code)))


def _prepare(code: orm.InstalledCode) -> str:
    return "\n".join(text for text in (code.computer.get_prepend_text(), code.prepend_text) if text)


def _key(executable: Path, program: str, prepare: str) -> str:
    return hashlib.sha256(f"{program}\n{fingerprint(executable)}\n{prepare}".encode()).hexdigest()


def _find(name: str, prepare: str) -> Path | None:
    """Return the file behind a name; ``None`` where only the prepend text knows, such as one that loads a module."""
    if Path(name).is_absolute():
        return Path(name)
    found = shutil.which(name)
    if found is None and prepare:
        return None
    return Path(found or name)


def _start(executable: Path, program: str, cure: str, prepare: str) -> None:
    if program == "lmp":
        check_deepmd_pair_style(executable, cure, prepare=prepare)
    elif program == "dp" or executable.name == SURROGATE:
        check_starts(executable, ("--version",), cure, prepare=prepare)


def cache_file() -> Path:
    """Return the file that remembers what was found to work."""
    return Path(get_config().dirpath) / "concerted-executables.json"


def _remembered() -> list[str]:
    try:
        content = json.loads(cache_file().read_text(encoding="utf8"))
    except (OSError, ValueError):
        return []
    return [str(key) for key in content] if isinstance(content, list) else []


def _remember(key: str) -> None:
    keys = sorted({*_remembered(), key})
    with contextlib.suppress(OSError):  # what cannot be remembered is looked at again
        cache_file().write_text(json.dumps(keys), encoding="utf8")

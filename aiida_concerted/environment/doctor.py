"""What a study needs, looked at one thing at a time; every finding is a line that says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from aiida_concerted.environment.engines import ENGINES, Engine, check_deepmd_pair_style, check_starts, find_executable
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import DemoFolder
from aiida_concerted.environment.sqlite import journal_mode


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    message: str
    is_ok: bool


def check_machine() -> Iterator[Finding]:
    """Yield a finding for each executable, and one for the pair style."""
    yield _look("ps", _find_ps)
    for engine in ENGINES:
        yield _look(engine.label, partial(_start, engine))
    yield _look("pair_style deepmd", _find_pair_style)


def check_profile(folder: DemoFolder) -> Iterator[Finding]:
    """Yield a finding for each part of a demonstration's profile."""
    from aiida_concerted.environment.profile import load_profile

    opened = _look("profile", lambda: load_profile(folder).name)
    yield opened
    if not opened.is_ok:
        return
    yield _look("database", lambda: _check_journal(folder))
    for engine in ENGINES:
        yield _look(f"code {engine.label}", partial(_check_code, engine))
    yield _look("POTCAR family", _check_potcars)
    yield _look("daemon and broker", lambda: _check_daemon(folder))


def _look(subject: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, check(), True)
    except SetupError as error:
        return Finding(subject, " ".join(str(error).split()), False)


def _find_ps() -> str:
    found = shutil.which("ps")
    if found is None:
        raise SetupError("missing, and AiiDA watches jobs with it: install the package 'procps'")
    return found


def _start(engine: Engine) -> str:
    executable = find_executable(engine)
    return f"{check_starts(engine, executable)} ({executable})"


def _find_pair_style() -> str:
    lammps = next(engine for engine in ENGINES if engine.label == "lmp")
    check_deepmd_pair_style(find_executable(lammps))
    return "known to lmp"


def _check_journal(folder: DemoFolder) -> str:
    mode = journal_mode(folder.database)
    if mode != "wal":
        raise SetupError(f"journal mode '{mode}' stalls behind slow readers: run 'aiida-concerted demo' on the folder")
    return "write-ahead logging"


def _check_code(engine: Engine) -> str:
    from pathlib import Path

    from aiida import orm

    query = orm.QueryBuilder().append(orm.InstalledCode, filters={"label": engine.label})
    code = query.first(flat=True)
    if code is None or not Path(str(code.filepath_executable)).exists():
        raise SetupError("missing or its executable moved: run 'aiida-concerted demo' on the folder")
    return str(code.filepath_executable)


def _check_potcars() -> str:
    from aiida_concerted.environment.codes import POTCAR_FAMILY, missing_potcars

    missing = missing_potcars()
    if missing:
        raise SetupError(f"{POTCAR_FAMILY} lacks {', '.join(missing)}: run 'aiida-concerted demo' on the folder")
    return f"{POTCAR_FAMILY} (placeholders for the surrogate)"


def _check_daemon(folder: DemoFolder) -> str:
    from aiida_concerted.environment.daemon import DemoDaemon

    daemon = DemoDaemon(folder)
    if not daemon.is_running():
        return "not running; 'aiida-concerted demo' starts it while it needs it"
    if daemon.is_deaf():
        raise SetupError("workers and broker do not hear each other: run 'aiida-concerted demo' on the folder")
    return "running"

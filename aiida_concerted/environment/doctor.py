"""What a demonstration needs, looked at one thing at a time; every finding is a line that says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from aiida_concerted.environment.check_profile import check_journal
from aiida_concerted.environment.engines import ENGINES, Engine, check_deepmd_pair_style, check_starts, find_executable
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.findings import Finding, Note, look
from aiida_concerted.environment.folder import DemoFolder


def check_machine() -> Iterator[Finding]:
    """Yield a finding for each executable, and one for the pair style."""
    yield look("ps", _find_ps)
    for engine in ENGINES:
        yield look(engine.label, partial(_start, engine))
    yield look("pair_style deepmd", _find_pair_style)


def check_demonstration(folder: DemoFolder) -> Iterator[Finding]:
    """Yield a finding for each part of a demonstration's profile."""
    from aiida_concerted.environment.profile import load_profile

    opened = look("profile", lambda: load_profile(folder).name)
    yield opened
    if not opened.is_ok:
        return
    yield look("database", lambda: _check_journal(folder))
    for engine in ENGINES:
        yield look(f"code {engine.label}", partial(_check_code, engine))
    yield look("POTCAR family", _check_potcars)
    yield look("daemon and broker", lambda: _check_daemon(folder))


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
    try:
        return check_journal(folder.database)
    except Note as note:  # a demonstration makes its file so, and nothing else should have undone it
        raise SetupError(f"{str(note).split(':')[0]}: run 'aiida-concerted demo' on the folder") from note


def _check_code(engine: Engine) -> str:
    from aiida_concerted.environment.profile import COMPUTER_LABEL
    from aiida_concerted.environment.setup.codes import find_codes

    codes = find_codes(engine.label, COMPUTER_LABEL)
    if not codes or not Path(codes[0].filepath_executable).exists():
        raise SetupError("missing or its executable moved: run 'aiida-concerted demo' on the folder")
    return str(codes[0].filepath_executable)


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

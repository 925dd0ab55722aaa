"""Whether the executables of a study start, and whether ``lmp`` knows ``pair_style deepmd``."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path


def thread_limits(number: int) -> dict[str, str]:
    """Return the environment in which DeePMD-kit and LAMMPS take no more threads; TensorFlow has settings of its own.

    Its operations run one after the other: nets this small gain nothing from several at once.
    """
    return {
        "OMP_NUM_THREADS": str(number),
        "DP_INTRA_OP_PARALLELISM_THREADS": str(number),
        "DP_INTER_OP_PARALLELISM_THREADS": "1",
    }


SINGLE_THREAD = {**thread_limits(1), "TF_CPP_MIN_LOG_LEVEL": "2"}
"""One thread a job: several jobs share the machine, and nets this small gain nothing from more."""

START_TIMEOUT_S = 300
"""Time in s after which an executable counts as hanging; TensorFlow takes half a minute of a busy machine to load."""

ABSENT_MODEL = "absent.pb"

PAIR_STYLE_SCRIPT = f"""units metal
atom_style atomic
region box block 0 1 0 1 0 1
create_box 1 box
mass 1 1.0
pair_style deepmd {ABSENT_MODEL}
"""
"""Names the pair style with a model that does not exist: an executable with the plugin complains of the model, one
without it of the pair style."""


class ExecutableError(ValueError):
    """An executable that cannot do its work; the message says which, why and what to do."""


def refuse_missing(executable: Path, cure: str) -> None:
    """Refuse a file that is not there or may not be executed.

    :param cure: what to do about it.
    :raises ExecutableError: if so.
    """
    if not executable.is_file():
        raise ExecutableError(f"{executable} does not exist: {cure}")
    if not os.access(executable, os.X_OK):
        raise ExecutableError(f"{executable} may not be executed: chmod +x it, or {cure}")


def check_starts(executable: Path, arguments: tuple[str, ...], cure: str, *, prepare: str = "") -> str:
    """Return the first line that an executable says of itself.

    :param arguments: what makes it say its version.
    :param cure: what to do where it does not start.
    :param prepare: lines of bash that come before it, such as those that load modules.
    :raises ExecutableError: if it does not start or ends with an error.
    """
    result = _run([str(executable), *arguments], cure, prepare=prepare)
    return judge_start(str(executable), result.returncode, result.stdout, result.stderr, cure)


def judge_start(name: str, status: int, out: str, err: str, cure: str) -> str:
    """Return the first line that an executable said of itself.

    :param name: the executable, for the message.
    :param status: how it ended.
    :raises ExecutableError: if it ended with an error.
    """
    if status != 0:
        raise ExecutableError(f"{name} does not start ({_last_line(err or out)}): {cure}")
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    return lines[0] if lines else Path(name).name


def check_deepmd_pair_style(lmp: Path, cure: str, *, prepare: str = "") -> None:
    """Refuse a LAMMPS that cannot run deep potentials.

    :param cure: what to do about it.
    :param prepare: lines of bash that come before it, such as those that load modules.
    :raises ExecutableError: if the pair style is unknown, or LAMMPS fails in any other way.
    """
    with tempfile.TemporaryDirectory(prefix="concerted-") as folder:
        script = Path(folder) / "in.lammps"
        script.write_text(PAIR_STYLE_SCRIPT, encoding="utf8")
        result = _run([str(lmp), "-in", script.name, "-log", "none"], cure, folder=folder, prepare=prepare)
    judge_pair_style(str(lmp), result.stdout + result.stderr, cure)


def judge_pair_style(name: str, said: str, cure: str) -> None:
    """Refuse a LAMMPS by what it said to :data:`PAIR_STYLE_SCRIPT`.

    :param name: the executable, for the message.
    :raises ExecutableError: if the pair style is unknown, or it failed in any other way.
    """
    if "Unrecognized pair style" in said or "unknown pair style" in said.lower():
        raise ExecutableError(f"{name} does not know 'pair_style deepmd': install a LAMMPS with DeePMD-kit, {cure}")
    if ABSENT_MODEL not in said:
        raise ExecutableError(f"{name} does not run ({_last_line(said)}): {cure}")


def fingerprint(executable: Path) -> str:
    """Return a line that changes when the executable does."""
    state = executable.stat()
    return f"{executable} {state.st_size} {state.st_mtime_ns}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it says nothing"])[-1][:200]


def _run(
    command: list[str], cure: str, *, folder: str | None = None, prepare: str = ""
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory(prefix="concerted-") as place:
        words = command
        if prepare.strip():
            script = Path(place) / "start.sh"
            script.write_text(f'{prepare}\nexec "$@"\n', encoding="utf8")
            words = ["bash", "-l", str(script), *command]
        try:
            return subprocess.run(
                words,
                cwd=folder,
                env={**os.environ, **SINGLE_THREAD},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=START_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ExecutableError(f"{command[0]} does not answer within {START_TIMEOUT_S} s: {cure}") from error
        except OSError as error:
            raise ExecutableError(f"{command[0]} cannot be started ({error.strerror}): {cure}") from error

"""When engines ran: stand-ins for their executables that note begin and end, and what the notes say.

The same stand-ins are given to every program that is compared, so that all are measured by one clock.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

THREADS = {
    "OMP_NUM_THREADS": "1", "DP_INTRA_OP_PARALLELISM_THREADS": "1", "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}  # fmt: skip
QUESTIONS = {"--version", "-help", "-h", "--help"}
"""Words of a command line that asks an engine about itself, which is no run."""

WORK = ("dp train", "lmp", "vasp")
"""The runs that a loop consists of; freezing and testing take seconds."""

STAND_IN = """#!{python}
import sys
sys.path.insert(0, {root!r})
from benchmarks.engine_log import stand_in
sys.exit(stand_in({name!r}, {program!r}, {log!r}))
"""


@dataclass(frozen=True)
class EngineRun:
    """One run of an engine.

    :param name: ``dp train``, ``dp freeze``, ``lmp``, ``vasp`` and the like.
    :param key: digest of what it was asked to do; runs with the same one would give the same.
    :param folder: where it ran.
    :param pid: process number of the stand-in.
    :param begin: seconds since the epoch.
    :param end: ``None`` while it runs, and where it was killed together with the stand-in.
    :param status: exit status, ``None`` without an end.
    :param from_step: step from which a training or a run of LAMMPS went on.
    :param to_step: last step that it reached.
    """

    name: str
    key: str
    folder: str
    pid: int
    begin: float
    end: float | None = None
    status: int | None = None
    from_step: int | None = None
    to_step: int | None = None

    @property
    def is_finished(self) -> bool:
        """Return whether it ended well."""
        return self.status == 0


def install(folder: Path, name: str, program: str, log: Path) -> Path:
    """Write the stand-in of an engine and return its path.

    :param name: its file name, and what runs are called.
    :param program: the engine itself.
    :param log: where begin and end are noted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    root = str(Path(__file__).resolve().parents[1])
    path.write_text(
        STAND_IN.format(python=sys.executable, root=root, name=name, program=program, log=str(log.resolve()))
    )
    path.chmod(0o755)
    return path.resolve()


def stand_in(name: str, program: str, log: str) -> int:
    """Run an engine with the words of this process, and note it; return its exit status."""
    words = sys.argv[1:]
    environment = {**os.environ, **THREADS}
    if QUESTIONS & set(words):
        return subprocess.run([program, *words], env=environment, check=False).returncode
    folder = Path.cwd()
    kind = " ".join([name, *[word for word in words if not word.startswith("-")][: int(name == "dp")]])
    _note(log, "begin", name=kind, key=_key(folder, kind, words), folder=str(folder))
    start = resumed_step(folder, words)
    # A session of its own: kernels that share the processor among sessions first treat the engines of all alike.
    status = subprocess.run([program, *words], env=environment, check=False, start_new_session=True).returncode
    if kind == "lmp":
        start = _numbers(folder / "log.lammps", after="Step")[0]
    _note(log, "end", status=status, from_step=start, to_step=reached_step(folder, kind))
    return status


def _note(log: str, what: str, **entry: object) -> None:
    line = json.dumps({"what": what, "pid": os.getpid(), "time": time.time(), **entry}) + "\n"
    with open(log, "a", encoding="utf-8") as handle:  # one short write, which other processes cannot cut in two
        handle.write(line)


def _key(folder: Path, kind: str, words: list[str]) -> str:
    """Return a digest of the input: of a training its ``input.json``, of a run of VASP its POSCAR."""
    inputs = [folder / word for word in words if word.endswith((".json", ".lammps", ".in"))]
    files = [folder / "POSCAR"] if kind == "vasp" else inputs
    digest = hashlib.sha256(kind.encode())
    for path in files:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]


def resumed_step(folder: Path, words: list[str]) -> int | None:
    """Return the step of the checkpoint that a training goes on from, ``None`` for a run from scratch."""
    listing = folder / "checkpoint"
    if "--restart" not in words or not listing.is_file():
        return None
    last = listing.read_text().splitlines()[0].strip().strip('"')
    return int(last.rsplit("-", 1)[1]) if "-" in last else None


def reached_step(folder: Path, name: str) -> int | None:
    """Return the last step of a training or a run of LAMMPS, by its own files; ``None`` for other engines."""
    if name == "dp train":
        return _numbers(folder / "lcurve.out")[1]
    if name != "lmp":
        return None
    known = [_numbers(folder / "log.lammps", after="Step")[1], _numbers(folder / "model_devi.out")[1]]
    return max((step for step in known if step is not None), default=None)


def _numbers(path: Path, after: str = "") -> tuple[int | None, int | None]:
    """Return the first word of the first and of the last row of numbers in a file.

    :param after: word that begins the line above rows that count; all rows count without.
    """
    found: list[int] = []
    is_inside = not after
    for line in path.read_text(errors="replace").splitlines() if path.is_file() else []:
        words = line.split()
        if is_inside and words and words[0].isdigit():
            found.append(int(words[0]))
        elif after:
            is_inside = words[:1] == [after]
    return (found[0], found[-1]) if found else (None, None)


def read_runs(log: Path) -> list[EngineRun]:
    """Return the runs in the order in which they began."""
    runs: list[EngineRun] = []
    latest: dict[int, int] = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else []:
        entry = json.loads(line)
        if entry["what"] == "begin":
            latest[entry["pid"]] = len(runs)
            fields = {name: entry[name] for name in ("name", "key", "folder", "pid")}
            runs.append(EngineRun(begin=entry["time"], **fields))
        else:
            index = latest.pop(entry["pid"])
            ended = {name: entry[name] for name in ("status", "from_step", "to_step")}
            runs[index] = replace(runs[index], end=entry["time"], **ended)
    return runs


def busy_seconds(runs: Iterable[EngineRun], until: float) -> float:
    """Return how long at least one engine ran.

    :param until: end of runs that have none.
    """
    total, reached = 0.0, 0.0
    for run in sorted(runs, key=lambda run: run.begin):
        end = until if run.end is None else run.end
        total += max(0.0, end - max(run.begin, reached))
        reached = max(reached, end)
    return total


def repeated_runs(before: Iterable[EngineRun], after: Iterable[EngineRun]) -> list[EngineRun]:
    """Return the trainings, runs of LAMMPS and labels that were done again although the same had finished.

    :param before: runs that began before an interruption.
    :param after: runs that began after it.
    """
    done = {(run.name, run.key) for run in before if run.is_finished and run.name in WORK}
    return [run for run in after if (run.name, run.key) in done]

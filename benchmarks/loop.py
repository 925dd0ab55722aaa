"""The same loop of concurrent learning by DP-GEN and by this package: time outside engines, and what kills cost.

Both get the same first labels, engines, numbers of steps, frames and labels, and as many jobs at once. Engines are
stand-ins that note when they ran, so that what is not engine time is the programs' own. Then each loop is run again
and killed in each stage at a random moment, program and engines together, as by a power cut.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks import loop_dpgen, loop_ours
from benchmarks.engine_log import WORK, EngineRun, busy_seconds, reached_step, read_runs, repeated_runs
from benchmarks.loop_case import LoopScale, make_first_labels
from benchmarks.loop_table import NAMES, PAGE, kill_text, time_text
from benchmarks.tables import write_between_marks

FOLDER = Path(os.environ.get("BENCH_FOLDER", "build/bench")) / "loop"
TIMEOUT_S = 3600.0
STAGES = {"dp train": "training", "lmp": "exploration", "vasp": "labelling"}
LABELS_AT_ONCE = 3
"""In the loops that are killed, one turn long."""

SHELLS = ("sh", "bash", "dash")


@dataclass
class Loop:
    """One loop under way.

    :param folder: where it lives.
    :param go: starts it, or starts it again after a kill.
    :param wait: waits until it has ended and returns its state in a word.
    :param victims: returns the processes of the program that a kill takes.
    :param n_labels: returns how many labels it made.
    """

    folder: Path
    go: Callable[[], None]
    wait: Callable[[], str]
    victims: Callable[[], list[psutil.Process]]
    n_labels: Callable[[], int]
    close: Callable[[], None] = lambda: None
    began: float = 0.0

    def begin(self) -> None:
        """Start it; checks of the engines before are none of its runs."""
        self.began = time.time()
        self.go()

    @property
    def runs(self) -> list[EngineRun]:
        """Return the runs of engines since it began."""
        return [run for run in read_runs(self.folder / "engines.log") if run.begin >= self.began]


def dpgen_loop(folder: Path, scale: LoopScale, python: Path) -> Loop:
    """Return the loop of DP-GEN, not begun."""
    loop_dpgen.prepare(folder, FOLDER / "first", scale, python)
    started: list[Any] = []

    def wait() -> str:
        return f"status {started[-1].wait(TIMEOUT_S)}"

    return Loop(
        folder,
        go=lambda: started.append(loop_dpgen.start(folder, python)),
        wait=wait,
        victims=lambda: [psutil.Process(started[-1].pid)],
        n_labels=lambda: loop_dpgen.n_labels(folder),
    )


def our_loop(folder: Path, scale: LoopScale) -> Loop:
    """Return the loop of this package, not begun; after a kill the daemon's supervisor starts workers by itself."""
    loop_ours.prepare(folder, FOLDER / "first", scale)
    keys: list[int] = []

    def go() -> None:
        if not keys:
            keys.append(loop_ours.start(folder))

    return Loop(
        folder,
        go=go,
        wait=lambda: loop_ours.wait(folder, keys[0], TIMEOUT_S),
        victims=lambda: loop_ours.workers(folder),
        n_labels=lambda: loop_ours.n_labels(folder, keys[0]),
        close=lambda: loop_ours.stop(folder),
    )


def timed(loop: Loop) -> dict[str, Any]:
    """Return wall time and time of engines of a loop that nobody disturbs."""
    load = [os.getloadavg()[0]]
    loop.begin()
    state = loop.wait()
    begin, end = loop.began, time.time()
    load.append(os.getloadavg()[0])
    runs = loop.runs
    busy = busy_seconds(runs, end)
    return {
        "state": state, "load": load, "wall_s": end - begin, "engines_s": busy, "outside_s": end - begin - busy,
        "engine_sum_s": sum((run.end or end) - run.begin for run in runs),
        "runs": {name: sum(run.name == name for run in runs) for name in sorted({run.name for run in runs})},
        "seconds": {
            name: busy_seconds([run for run in runs if run.name == name], end)
            for name in sorted({run.name for run in runs})
        },
        "labels": loop.n_labels(), "stage_s": stage_seconds(runs, end),
    }  # fmt: skip


def stage_seconds(runs: list[EngineRun], until: float) -> dict[str, float]:
    """Return how long the first turn's runs of each kind took from the first begin to the last end."""
    found = {}
    for name in WORK:
        mine = [run for run in runs if run.name == name]
        others = [run.begin for run in runs if run.name in WORK and run.name != name]
        first = mine[0].begin
        after = min((begin for begin in others if begin > first), default=until)
        found[name] = max((run.end or until) for run in mine if run.begin < after) - first
    return found


def killed(loop: Loop, stage_s: dict[str, float], seed: int) -> dict[str, Any]:
    """Return what was done again by a loop that is killed once in each stage of its first turn.

    :param stage_s: how long each stage takes undisturbed; labels take as long on few cores however many run at once.
    """
    moments = np.random.default_rng(seed)
    loop.begin()
    kills = []
    for name in WORK:
        share = float(moments.uniform(0.1, 0.9))
        kills.append(kill_in(loop, name, share * stage_s[name]) | {"share": share})
    state = loop.wait()
    runs = loop.runs
    for kill in kills:
        before = [run for run in runs if run.begin <= kill["time"]]
        after = [run for run in runs if run.begin > kill["time"]]
        kill["again"] = len(repeated_runs(before, after))
        kill["lost_steps"] = lost_steps(kill, after)
    return {"state": state, "kills": kills, "labels": loop.n_labels()}


def kill_in(loop: Loop, name: str, delay_s: float) -> dict[str, Any]:
    """Kill program and engines so long after the first run of a kind began that nobody has killed before.

    :raises TimeoutError: if no run of the kind begins.
    """
    deadline = time.monotonic() + TIMEOUT_S
    while not [run for run in loop.runs if run.name == name]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no run of {name} began in {loop.folder}")
        time.sleep(0.2)
    time.sleep(delay_s)
    now, runs = time.time(), loop.runs
    going = [run for run in runs if run.end is None and psutil.pid_exists(run.pid)]
    reached = [reached_step(Path(run.folder), run.name) for run in going]
    end_all([*loop.victims(), *(process for run in going for process in family_of(run))])
    finished = [run for run in runs if run.name == name and run.is_finished]
    time.sleep(1.0)
    loop.go()
    return {
        "stage": STAGES[name], "name": name, "time": now, "finished": len(finished),
        "interrupted": [run.name for run in going], "reached": [step or 0 for step in reached],
    }  # fmt: skip


def family_of(run: EngineRun) -> list[psutil.Process]:
    """Return an engine with everything below it and the scripts that started it, the topmost first."""
    try:
        process = psutil.Process(run.pid)
        scripts = []
        for parent in process.parents():
            if parent.name() not in SHELLS:
                break
            scripts.append(parent)
        return [*reversed(scripts), process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def end_all(processes: Iterable[psutil.Process]) -> None:
    """Kill processes as a power cut would: all are halted before the first is killed, so that none sees another end."""
    halted = list({process.pid: process for process in processes}.values())
    for signal in ("suspend", "kill"):
        for process in halted:
            with contextlib.suppress(psutil.NoSuchProcess):
                getattr(process, signal)()


def lost_steps(kill: dict[str, Any], after: list[EngineRun]) -> int:
    """Return how many steps of the interrupted trainings or runs of LAMMPS were done again."""
    successors = [run for run in after if run.name == kill["name"]]
    total = 0
    for name, reached in zip(kill["interrupted"], kill["reached"], strict=True):
        if name == kill["name"] and successors:
            total += max(0, reached - (successors.pop(0).from_step or 0))
    return total


def write_page(results: dict[str, Any]) -> None:
    """Put the tables into the page of benchmarks, those of which there are results."""
    machine = f"{datetime.now(timezone.utc).date().isoformat()}, {platform.machine()}, {os.cpu_count()} cores"
    if "time" in results:
        loads = "; ".join(
            f"{NAMES[program]} {' to '.join(f'{load:.1f}' for load in found['load'])}"
            for program, found in results["time"].items()
        )
        text = f"{machine}. Load of the machine at begin and end: {loads}.\n\n{time_text(results)}"
        write_between_marks(PAGE, "loop", text)
    if "kill" in results:
        write_between_marks(PAGE, "kills", f"{machine}.\n\n{kill_text(results)}")


def stages_of(known: dict[str, Any], program: str) -> dict[str, float]:
    """Return how long stages take undisturbed: by this program, else by the other one, which runs the same engines.

    :raises ValueError: if nothing was timed yet.
    """
    timings = known.get("time", {})
    if not timings:
        raise ValueError("kills come at random moments of stages whose length is not known: run the task 'time' first")
    found: dict[str, float] = timings.get(program, next(iter(timings.values())))["stage_s"]
    return found


def measure(
    task: str, program: str, chosen: argparse.Namespace, known: dict[str, Any], seed: int = 0
) -> dict[str, Any]:
    """Return what one loop took, or what it did again when it was killed.

    :param known: results so far; how long stages take undisturbed is among them.
    :param seed: of the moments of the kills.
    """
    # A kill finds labels that have finished only where they do not all run at once.
    scale = LoopScale(n_turns=chosen.turns) if task == "time" else LoopScale(n_turns=1, labels_at_once=LABELS_AT_ONCE)
    folder = FOLDER / f"{program}-{task}-{seed}"
    loop = dpgen_loop(folder, scale, chosen.python) if program == "dpgen" else our_loop(folder, scale)
    try:
        found = timed(loop) if task == "time" else killed(loop, stages_of(known, program), seed)
    finally:
        loop.close()
    return found | {"scale": asdict(scale)}


def runs_of(chosen: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Yield task, program and seed of each loop; what undisturbed loops take comes first, which needs no seed."""
    for task in sorted(chosen.tasks, reverse=True):
        for seed in chosen.seeds if task == "kill" else [0]:
            for program in chosen.programs:
                yield task, program, seed


def main(arguments: list[str] | None = None) -> int:
    """Print what the same loop takes with DP-GEN and with this package, and what each does again after kills."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop", description=main.__doc__)
    parser.add_argument(
        "--python", type=Path, default=Path(".venv-dpgen/bin/python"), help="that of DP-GEN's environment (%(default)s)"
    )
    tasks, programs = ["time", "kill"], ["dpgen", "ours"]
    parser.add_argument("--tasks", nargs="*", default=tasks, choices=tasks, help="kill needs what time found")
    parser.add_argument("--programs", nargs="+", default=programs, choices=programs)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the moments of kills (%(default)s)")
    parser.add_argument("--turns", type=int, default=LoopScale.n_turns, help="of the timed loop (%(default)s)")
    parser.add_argument("--result", type=Path, default=FOLDER / "loop.json", help="%(default)s")
    parser.add_argument("--page", action="store_true", help=f"put the tables into {PAGE}")
    chosen = parser.parse_args(arguments)
    place = chosen.result
    results: dict[str, Any] = json.loads(place.read_text()) if place.is_file() else {}
    make_first_labels(FOLDER / "first")
    for task, program, seed in runs_of(chosen):
        found = measure(task, program, chosen, results, seed)
        of_task = results.setdefault(task, {})
        if task == "kill":
            others = [loop for loop in of_task.get(program, []) if loop["seed"] != seed]
            of_task[program] = sorted([*others, {"seed": seed, **found}], key=lambda loop: loop["seed"])
        else:
            of_task[program] = found
        print(json.dumps({task: {program: found}}), file=sys.stderr, flush=True)
        place.write_text(json.dumps(results, indent=1) + "\n")
    print(time_text(results), kill_text(results), sep="\n\n")
    if chosen.page:
        write_page(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())

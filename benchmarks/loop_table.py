"""The tables of the measurement of the loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown_table

PAGE = Path("docs/benchmarks.md")
NAMES = {"dpgen": "DP-GEN 0.14.0", "ours": "aiida-concerted"}


def time_text(results: Mapping[str, Any]) -> str:
    """Return where the time of the undisturbed loops went."""
    head = (
        "loop", "labels", "wall, s", "an engine ran, s", "outside, s", "training", "exploration", "labelling",
        "runs of engines",
    )  # fmt: skip
    rows = []
    for program, found in results.get("time", {}).items():
        seconds = found["seconds"]
        training = sum(value for name, value in seconds.items() if name.startswith("dp"))
        rows.append(
            (
                NAMES[program], f"{found['labels']}", f"{found['wall_s']:.0f}", f"{found['engines_s']:.0f}",
                f"{found['outside_s']:.0f}", f"{training:.0f}", f"{seconds.get('lmp', 0):.0f}",
                f"{seconds.get('vasp', 0):.0f}", f"{sum(found['runs'].values())}",
            )
        )  # fmt: skip
    return markdown_table(head, rows)


def kill_text(results: Mapping[str, Any]) -> str:
    """Return what was done again after the kills of each stage, over all moments."""
    head = ("killed in", "loop", "kills", "finished before, done again", "steps done before, done again", "ended")
    rows = []
    for stage in _stages(results):
        for program, loops in results["kill"].items():
            kills = [kill for loop in loops for kill in loop["kills"] if kill["stage"] == stage]
            again, finished, lost, reached = (
                sum(numbers) for numbers in zip(*(_of_kill(kill) for kill in kills), strict=True)
            )
            steps = "" if kills[0]["name"] == "vasp" else f"{lost:,} of {reached:,}"
            states = ", ".join(dict.fromkeys(loop["state"] for loop in loops))
            rows.append((stage, NAMES[program], f"{len(kills)}", f"{again} of {finished}", steps, states))
    return markdown_table(head, rows)


def _stages(results: Mapping[str, Any]) -> list[str]:
    """Return the stages that were killed, in their order."""
    loops = next(iter(results.get("kill", {}).values()), [])
    return [kill["stage"] for kill in loops[0]["kills"]] if loops else []


def _of_kill(kill: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return runs done again, runs that had finished, steps done again, steps that the interrupted runs had done."""
    pairs = zip(kill["interrupted"], kill["reached"], strict=True)
    reached = sum(step for name, step in pairs if name == kill["name"])
    return kill["again"], kill["finished"], kill["lost_steps"], reached

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
    """Return what was done again after each kill."""
    head = ("killed in", "loop", "finished before, done again", "steps done before, done again", "ended")
    rows = []
    stages = [kill["stage"] for kill in next(iter(results.get("kill", {}).values()), {"kills": []})["kills"]]
    for index, stage in enumerate(stages):
        for program, found in results["kill"].items():
            kill = found["kills"][index]
            reached = sum(
                step for name, step in zip(kill["interrupted"], kill["reached"], strict=True) if name == kill["name"]
            )
            steps = "" if kill["name"] == "vasp" else f"{kill['lost_steps']:,} of {reached:,}"
            rows.append((stage, NAMES[program], f"{kill['again']} of {kill['finished']}", steps, found["state"]))
    return markdown_table(head, rows)

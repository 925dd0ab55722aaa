"""What a study is doing, as a short tree of stages: live on a terminal, an occasional line elsewhere."""

from __future__ import annotations

import re
import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aiida_concerted.environment.processes import ProcessSummary

_TITLES = {
    "order": "ordered cell",
    "relax": "relaxation",
    "aimd": "AIMD",
    "held_out": "AIMD to test on",
    "learn": "learning",
    "committee": "training",
    "train": "training",
    "model": "model",
    "explore": "exploration",
    "label": "labelling",
    "sweep": "temperature sweep",
    "vacancy": "vacancy energies",
    "run": "run",
    "iteration": "iteration",
}
_NUMBERED = re.compile(r"^(?P<word>[A-Za-z_]+?)_?(?P<is_T>T)?0*(?P<number>\d+(?:[.p]\d+)?)_?(?P<unit>K)?$")
_COPY = re.compile(r"^(?P<run>.+_T[\dp]+)_(?P<number>\d{3})$")
_STRETCH = re.compile(r"^(?P<run>.+_T[\dp]+)(?:_s(?P<seed>\d+))?(?:_x(?P<part>\d+))?$")
_SIZE = re.compile(r"^size_(?P<cell>\d+x\d+x\d+)_T(?P<T>[\dp]+)$")
_SEGMENT = re.compile(r"^segment_\d+$")
_DEEPEST = 3
_PLAIN_INTERVAL_S = 60.0
_MARKS = {"running": "▶", "done": "✔", "failed": "✘", "paused": "‖"}
_STYLES = {"running": "cyan", "done": "green", "failed": "red", "paused": "yellow"}


def title_of(process: ProcessSummary, caller: ProcessSummary | None = None) -> str:
    """Return the name of a process in words: ``aimd_T600`` is ``AIMD, 600 K``, ``iteration_02`` is ``iteration 2``.

    :param caller: names the run before the number of a segment.
    """
    name = process.name
    if caller is not None and _SEGMENT.match(name):
        return f"{title_of(caller)}, {_title(name)}"
    if name in _TITLES:
        return _TITLES[name]
    if copy := _COPY.match(name):
        return f"{_title(copy['run'])}, copy {int(copy['number']) + 1}"
    return title_of_run(name)


def title_of_run(name: str) -> str:
    """Return the name of a run in words: ``run_T600_s2_x3`` is ``run, 600 K, seed 2, stretch 3``."""
    match = _STRETCH.match(name)
    if match is None:
        return _title(name)
    size = _SIZE.match(match["run"])
    place = f"cell {size['cell'].replace('x', '×')}, {size['T'].replace('p', '.')} K" if size else _title(match["run"])
    seed = f", seed {match['seed']}" if match["seed"] else ""
    return f"{place}{seed}" + (f", stretch {match['part']}" if match["part"] else "")


def _title(name: str) -> str:
    match = _NUMBERED.match(name)
    if match is None:
        return name.replace("_", " ")
    word = _TITLES.get(match["word"], match["word"].replace("_", " "))
    number = float(match["number"].replace("p", "."))
    return f"{word}, {number:g} K" if match["is_T"] or match["unit"] else f"{word} {number:g}"


def state_of(process: ProcessSummary) -> str:
    """Return ``running``, ``done``, ``failed`` or ``paused``."""
    if process.has_ended:
        return "done" if process.is_ok else "failed"
    return "paused" if any(below.is_paused and not below.has_ended for below in process.walk()) else "running"


def format_seconds(seconds: float) -> str:
    """Return a duration as ``m:ss`` or ``h:mm:ss``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def stages_of(tree: ProcessSummary, depth: int = 0) -> list[tuple[int, str, ProcessSummary]]:
    """Return the stages to show below a process, with depth and title: work chains, opened only while they run."""
    stages = []
    for child in tree.children:
        if not child.is_chain and not (depth == 0 and child.is_job):
            continue
        stages.append((depth, title_of(child, tree), child))
        if not child.has_ended and depth + 1 < _DEEPEST:
            stages.extend(stages_of(child, depth + 1))
    return stages


def running_now(tree: ProcessSummary) -> str:
    """Return what is at work at this moment: engine runs by program, else the innermost process."""
    active = [process for process in tree.walk() if not process.has_ended and not process.children]
    names: dict[str, int] = {}
    for process in active:
        label = process.process_label.removesuffix("Calculation").removesuffix("WorkChain")
        names[label] = names.get(label, 0) + 1
    return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in names.items())


def count_jobs(process: ProcessSummary) -> str:
    """Return how many engine runs below a process are done, ``3/4``; empty where there are none."""
    done, total = process.jobs()
    return f"{done}/{total}" if total else ""


def render_tree(tree: ProcessSummary, width: int = 100) -> Table:
    """Return the table of stages, with state, engine runs done and time."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(max_width=max(width - 24, 20), overflow="ellipsis", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for depth, title, stage in stages_of(tree):
        state = state_of(stage)
        origin = " (taken over)" if stage.is_reused else ""
        name = Text("  " * depth + f"{_MARKS[state]} {title}{origin}", style=_STYLES[state])
        table.add_row(name, count_jobs(stage), format_seconds(stage.elapsed_s))
    done, total = tree.jobs()
    table.add_row(
        Text(f"{_MARKS[state_of(tree)]} study <{tree.pk}>", style="bold"),
        f"{done}/{total}" if total else "",
        format_seconds(tree.elapsed_s),
    )
    return table


class StudyDisplay:
    """One display for a whole study: redrawn in place on a terminal, lines at changes and once a minute elsewhere."""

    def __init__(self, console: Console, footer: str) -> None:
        self._console = console
        self._footer = footer
        self._live = Live(console=console, auto_refresh=False, transient=False) if console.is_terminal else None
        self._reported: dict[str, str] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> StudyDisplay:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, tree: ProcessSummary, more: RenderableType | None = None) -> None:
        """Show the study as it is now.

        :param more: a table to show below, on a terminal.
        """
        if self._live is None:
            self._update_plain(tree)
            return
        now = running_now(tree)
        lines: list[RenderableType] = [render_tree(tree, self._console.width)]
        if more is not None:
            lines += ["", more]
        below = Text(f"now: {now}" if now else "", style="dim", no_wrap=True, overflow="ellipsis")
        footer = Text(self._footer, style="dim", overflow="fold")
        self._live.update(Group(*lines, below, footer) if self._footer else Group(*lines, below), refresh=True)

    def _update_plain(self, tree: ProcessSummary) -> None:
        for _, title, stage in stages_of(tree):
            state = state_of(stage)
            if self._reported.get(stage.uuid) == state:
                continue
            self._reported[stage.uuid] = state
            took = f" {format_seconds(stage.elapsed_s)}" if stage.has_ended else ""
            jobs = count_jobs(stage) if stage.has_ended else ""
            self._say(f"{format_seconds(tree.elapsed_s):>8}  {title}: {state}{took}{f' ({jobs})' if jobs else ''}")
        if time.monotonic() - self._last_line > _PLAIN_INTERVAL_S:
            done, total = tree.jobs()
            self._say(f"{format_seconds(tree.elapsed_s):>8}  … {running_now(tree)} ({done}/{total} runs done)")

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False)
        self._last_line = time.monotonic()

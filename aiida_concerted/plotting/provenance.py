"""Figure of a study's provenance: its stages, what each made, and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from aiida_concerted.plotting.style import PALETTE

BOX_COLOURS = {"done": "#DDEBF5", "failed": "#F8DCCB", "missing": "#F2F2F2"}


@dataclass(frozen=True)
class ProvenanceStage:
    """One stage of a study.

    :param title: name of the stage.
    :param detail: what it consists of, in a line or two.
    :param sources: titles of the stages it was made from.
    :param state: ``done``, ``failed`` or ``missing``.
    :param place: horizontal place in its row, from 0 to 1.
    """

    title: str
    detail: str
    sources: tuple[str, ...] = ()
    state: str = "done"
    place: float = 0.5


def ranks(stages: Sequence[ProvenanceStage]) -> dict[str, int]:
    """Return for each stage its row: one below the lowest of those it was made from.

    :raises ValueError: if a source is unknown or stages depend on each other in a circle.
    """
    sources: Mapping[str, tuple[str, ...]] = {stage.title: stage.sources for stage in stages}
    found: dict[str, int] = {}
    while len(found) < len(sources):
        ready = [title for title in sources if title not in found and all(item in found for item in sources[title])]
        if not ready:
            stuck = sorted(set(sources) - set(found))
            raise ValueError(f"the stages {', '.join(stuck)} have unknown sources or depend on each other in a circle")
        found |= {title: 1 + max((found[item] for item in sources[title]), default=-1) for title in ready}
    return found


def plot_provenance(axes: Axes, stages: Sequence[ProvenanceStage]) -> Axes:
    """Return the axes with a box for each stage, top to bottom, and an arrow from whatever it was made from.

    :raises ValueError: if a source is unknown or stages depend on each other in a circle.
    """
    row = ranks(stages)
    boxes = {}
    for stage in stages:
        box = {
            "boxstyle": "round,pad=0.45",
            "facecolor": BOX_COLOURS[stage.state],
            "edgecolor": PALETTE[0],
            "linewidth": 0.8,
            "linestyle": "--" if stage.state == "missing" else "-",
        }
        boxes[stage.title] = axes.text(
            stage.place, -row[stage.title], f"{stage.title}\n{stage.detail}", ha="center", va="center", fontsize=7.5,
            zorder=3, linespacing=1.35, bbox=box,
        )  # fmt: skip
    for stage in stages:
        for source in stage.sources:
            start, end = boxes[source], boxes[stage.title]
            arrow = {
                "arrowstyle": "-|>", "color": "0.3", "lw": 0.9, "shrinkA": 1, "shrinkB": 1,
                "patchA": start.get_bbox_patch(), "patchB": end.get_bbox_patch(),
            }  # fmt: skip
            # Drawn after the boxes, whose borders are known only once they are drawn.
            axes.annotate("", xy=end.get_position(), xytext=start.get_position(), arrowprops=arrow, zorder=4)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(-max(row.values(), default=0) - 0.55, 0.55)
    axes.set_axis_off()
    return axes

"""A picture of a study's provenance: its stages, and the data that pass from one to the next.

The whole graph has thousands of nodes; what is drawn here is the part that a reader can follow. It needs no graphviz.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiida.orm import Node, ProcessNode
    from matplotlib.axes import Axes

_BOX_WIDTH, _BOX_HEIGHT, _COLUMN, _ROW = 2.3, 0.5, 3.1, 0.75
_FUNCTIONS_SHOWN = 12


@dataclass
class Box:
    """One box of the picture: a process, or the data of one kind that pass between the same processes."""

    key: str
    title: str
    kind: str
    after: set[str] = field(default_factory=set)


def draw_provenance(study: ProcessNode, path: Path) -> None:
    """Write the picture of a study to ``path``; the suffix says the format."""
    from matplotlib.figure import Figure

    boxes = collect_boxes(study)
    places = place_boxes(boxes)
    columns = 1 + max((column for column, _ in places.values()), default=0)
    rows = max(Counter(column for column, _ in places.values()).values(), default=1)
    figure = Figure(figsize=(_COLUMN * columns, _ROW * rows + 0.6), layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, boxes, places)
    axes.set_title(f"{study.process_label} <{study.pk}>", loc="left", fontsize=10)
    unfinished = path.with_name(f".unfinished{path.suffix}")
    figure.savefig(unfinished, format=path.suffix.removeprefix("."), dpi=120, metadata={"Date": None})
    unfinished.replace(path)


def collect_boxes(study: ProcessNode) -> dict[str, Box]:
    """Return the boxes of a study by key, each knowing which come before it."""
    from aiida.common.links import LinkType

    from aiida_concerted.queries.calls import calls_of

    stages = [node for _, node in calls_of(study)]
    chains = [node for node in stages if "workflow" in node.node_type or "calcjob" in node.node_type]
    functions = [node for node in stages if node not in chains][:_FUNCTIONS_SHOWN]
    shown = sorted([*chains, *functions], key=lambda node: node.pk or 0)
    boxes = {node.uuid: Box(node.uuid, _stage_title(node), "process") for node in shown}
    results = {link.node.uuid for link in study.base.links.get_outgoing(link_type=LinkType.RETURN)}
    consumers: dict[str, set[str]] = {}
    producers: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for stage in shown:
        for link in stage.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)):
            consumers.setdefault(link.node.uuid, set()).add(stage.uuid)
            nodes[link.node.uuid] = link.node
        for link in stage.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)):
            producers.setdefault(link.node.uuid, stage.uuid)
            nodes[link.node.uuid] = link.node
    inputs = {link.node.uuid for link in study.base.links.get_incoming() if _is_worth_showing(link.node)}
    for uuid, node in nodes.items():
        passes_on = uuid in producers and (uuid in consumers or uuid in results)
        if passes_on or uuid in inputs:
            _add_data(boxes, node, producers.get(uuid), frozenset(consumers.get(uuid, set())))
    return boxes


def place_boxes(boxes: dict[str, Box]) -> dict[str, tuple[int, float]]:
    """Return column and row of every box: a box stands one column after the last of those before it."""
    sorter = TopologicalSorter({key: box.after & boxes.keys() for key, box in boxes.items()})
    columns: dict[str, int] = {}
    for key in sorter.static_order():
        columns[key] = max((columns[before] + 1 for before in boxes[key].after if before in columns), default=0)
    places = {}
    for column in set(columns.values()):
        members = [key for key in boxes if columns[key] == column]
        for index, key in enumerate(members):
            places[key] = (column, index - (len(members) - 1) / 2)
    return places


def _add_data(boxes: dict[str, Box], node: Node, producer: str | None, consumers: frozenset[str]) -> None:
    name = type(node).__name__.removesuffix("Data")
    key = f"{name} {producer} {sorted(consumers)}"
    box = boxes.get(key)
    if box is None:
        boxes[key] = Box(key, name, "data", {producer} if producer else set())
    else:
        count = int(box.title.split(" × ")[0]) if " × " in box.title else 1
        box.title = f"{count + 1} × {name}"
    for consumer in consumers:
        boxes[consumer].after.add(key)


def _is_worth_showing(node: Node) -> bool:
    """Return whether an input is a matter of physics rather than a parameter."""
    return type(node).__name__ in ("StructureData", "SiteNetworkData", "LabelledFramesData", "DeepPotentialData")


def _stage_title(node: ProcessNode) -> str:
    from aiida.common.links import LinkType

    links = node.base.links.get_incoming(link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)).all()
    label = links[0].link_label if links else ""
    return f"{label.replace('_', ' ') if label and label != 'CALL' else node.process_label} <{node.pk}>"


def _draw(axes: Axes, boxes: dict[str, Box], places: dict[str, tuple[int, float]]) -> None:
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

    centres = {key: (column * _COLUMN, -row * _ROW) for key, (column, row) in places.items()}
    for key, box in boxes.items():
        x, y = centres[key]
        for before in box.after & boxes.keys():
            start = (centres[before][0] + _BOX_WIDTH / 2, centres[before][1])
            arrow = FancyArrowPatch(
                start, (x - _BOX_WIDTH / 2, y), arrowstyle="-|>", mutation_scale=8, color="0.6", lw=0.8
            )
            axes.add_patch(arrow)
        is_process = box.kind == "process"
        axes.add_patch(
            FancyBboxPatch(
                (x - _BOX_WIDTH / 2, y - _BOX_HEIGHT / 2),
                _BOX_WIDTH,
                _BOX_HEIGHT,
                boxstyle="square,pad=0" if is_process else "round,pad=0,rounding_size=0.22",
                facecolor="#dfe9f5" if is_process else "#f4efe1",
                edgecolor="#3b6ea5" if is_process else "#a58a3b",
                lw=0.9,
            )
        )
        axes.text(x, y, box.title, ha="center", va="center", fontsize=7.5)
    xs, ys = [x for x, _ in centres.values()] or [0.0], [y for _, y in centres.values()] or [0.0]
    axes.set_xlim(min(xs) - _BOX_WIDTH / 2 - 0.1, max(xs) + _BOX_WIDTH / 2 + 0.1)
    axes.set_ylim(min(ys) - _ROW / 2, max(ys) + _ROW / 2)
    axes.set_aspect("equal")
    axes.axis("off")

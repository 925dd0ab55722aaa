"""Pages of the reference that are made from the classes themselves: processes, result nodes, protocols."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from plumpy.ports import Port, PortNamespace

from aiida_concerted.common.figure_kinds import FIGURE_KINDS
from aiida_concerted.data.migrations import MIGRATIONS, SCHEMA_VERSION
from aiida_concerted.data.result import Field, ResultData
from aiida_concerted.report.node_figures import CLASSES
from aiida_concerted.workflows.protocols.loader import FOLDER, load_protocols

PACKAGE = "aiida_concerted"
HIDDEN = ("metadata", "monitors", "clean_workdir", "remote_folder", "remote_stash", "retrieved")
"""Ports that AiiDA gives every process; its own documentation explains them."""

MAX_DEPTH = 1
"""Namespaces below this depth are named and not spelt out: they are ports of another process on the same page."""

NOTE = "<!-- made from the classes when the documentation is built -->\n"


def write_pages(folder: Path) -> None:
    """Write the pages into a folder; pages that would not change are left alone, so that nothing is built anew."""
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        page, text = folder / name, make(folder)
        if not page.exists() or page.read_text(encoding="utf-8") != NOTE + text:
            page.write_text(NOTE + text, encoding="utf-8")


PAGES: dict[str, Callable[[Path], str]] = {
    "calculations.md": lambda _: processes_page("Calculations", "aiida.calculations"),
    "workflows.md": lambda _: processes_page("Work chains", "aiida.workflows"),
    "results.md": lambda _: results_page(),
    "figure_kinds.md": lambda _: figures_page(),
    "protocols.md": lambda folder: protocols_page(folder),
}
"""What makes each page; other pages reach its sections by name, as ``{ref}`x <entry.concerted.x>```,
those of calculations as ``{ref}`x <calculation.concerted.x>```."""


def ours(group: str) -> list[EntryPoint]:
    """Return the entry points of this package in a group."""
    found = [point for point in entry_points(group=group) if point.value.startswith(f"{PACKAGE}.")]
    return sorted(found, key=lambda point: point.name)


def processes_page(title: str, group: str) -> str:
    """Return ports, outputs and exit codes of every process of this package in a group."""
    parts = [
        f"# {title}\n",
        f"By entry point of the group `{group}`. Ports that AiiDA gives every process are left out; `a.b.…`",
        "stands for more ports below, which are those of the process that runs there.\n",
    ]
    for point in ours(group):
        process = point.load()
        if not hasattr(process, "spec"):
            continue
        spec = process.spec()
        # a calculation and the work chain around it may share a name, never a label
        kind = "calculation" if group == "aiida.calculations" else "entry"
        parts += [_heading(kind, point.name), _text(inspect.getdoc(process) or "") + "\n"]
        parts += ["### Inputs\n", _table(("port", "type", "", "what it is"), _rows(spec.inputs)) + "\n"]
        parts += ["### Outputs\n", _table(("port", "type", "", "what it is"), _rows(spec.outputs)) + "\n"]
        codes = sorted(spec.exit_codes.values(), key=lambda code: code.status)
        rows = [(str(code.status), "", _text(code.message or "")) for code in codes if code.status]
        labels = {code.status: label for label, code in spec.exit_codes.items()}
        rows = [(status, f"`{labels[int(status)]}`", message) for status, _, message in rows]
        parts += ["### Exit codes\n", _table(("status", "label", "message"), rows) + "\n"]
    return "\n".join(parts)


def results_page() -> str:
    """Return the attributes of every result node, by which queries find it."""
    parts = [
        "# Result nodes\n",
        f"Schema version {SCHEMA_VERSION}, kept in the attribute `schema_version` of each node. Small numbers are",
        "attributes, so that `QueryBuilder` and `aiida-concerted query` find them; curves and all else are files",
        "in the node (`node.get_result()`, `node.get_arrays()`).\n",
        *_versions(),
    ]
    common: dict[str, Field] | None = None
    for point in ours("aiida.data"):
        kind = point.load()
        if not issubclass(kind, ResultData):
            continue
        if common is None:
            common = {name: field for name, field in kind.get_fields().items() if name not in kind.FIELDS}
            parts += ["## Common to all\n", _table(("attribute", "type", "", "what it is"), _fields(common)) + "\n"]
        parts += [_heading("entry", point.name), f"`{kind.__name__}`: {_text(inspect.getdoc(kind) or '')}\n"]
        parts += [_table(("attribute", "type", "", "what it is"), _fields(kind.FIELDS)) + "\n"]
    return "\n".join(parts)


def _versions() -> list[str]:
    """Return the section on nodes of other versions."""
    rows = [(f"{step.version} → {step.version + 1}", f"`{step.node}`", step.says) for step in MIGRATIONS]
    return [
        "## Nodes of other versions\n",
        "Stored nodes do not change. Those of earlier versions are read as this version would have written them:",
        "`node['…']`, `node.get_attributes()`, `node.get_result()` and the rows of `query` turn old names and forms",
        "into new ones, and filters look under old names too. `node.base.attributes` gives what is stored. What",
        "changed stands in `aiida_concerted.data.migrations`:\n",
        _table(("version", "node", "what changed"), rows) + "\n",
        "A node of a newer version is refused with the version in the message, an archive that holds one as well;",
        "`query` leaves its rows out and says how many there are.\n",
    ]


def figures_page() -> str:
    """Return every kind of figure: what it shows, what it is drawn for, and where the paper has it."""
    words = [(f"`{word}`", f"{{py:class}}`~{cls.__module__}.{cls.__name__}`") for word, cls in CLASSES.items()]
    kinds = [
        (f"`{kind.name}`", kind.shows, ", ".join(kind.of), kind.paper, f"`{kind.file}`" if kind.file else "")
        for kind in FIGURE_KINDS.values()
    ]
    return "\n".join(
        [
            "# Kinds of figures\n",
            "`aiida-concerted plot KIND PK -o FILE` draws one, the report all that a study has the data for;",
            "`aiida-concerted plot --list` prints this list. PK is that of a study, a sweep or another work chain",
            "(*study*), of a committee or a single training (*training*), or of a result by itself:\n",
            _table(("word", "node"), words) + "\n",
            "A study has some figures once for each temperature: `--temperature-K` chooses one, and draws the others",
            "for that temperature alone. The last column names the file that `aiida-concerted analyse --plots`",
            "writes for one run.\n",
            _table(("kind", "shows", "of a", "in Fu et al. (2022)", "file of a run"), kinds) + "\n",
        ]
    )


def protocols_page(folder: Path) -> str:
    """Return every protocol file as it is: numbers, units, and where each comes from.

    :param folder: where the page will lie, which the files are named from.
    """
    parts = [
        "# Protocols\n",
        "Named sets of numbers, with a unit and a source for each. `overrides` and the sections of a study file change",
        "single ones.\n",
    ]
    for path in sorted(FOLDER.glob("*.yaml")):
        content = load_protocols(path.stem)
        names = [
            (f"`{name}`", _text(entry.get("description", ""))) for name, entry in content.get("protocols", {}).items()
        ]
        parts += [_heading("protocol", path.stem), _table(("protocol", "what it is for"), names) + "\n"]
        parts += [f"```{{literalinclude}} {Path(os.path.relpath(path, folder)).as_posix()}\n:language: yaml\n```\n"]
    return "\n".join(parts)


def _heading(kind: str, name: str) -> str:
    """Return a heading that other pages can refer to."""
    return f"({kind}.{name})=\n\n## {name}\n"


def _rows(ports: PortNamespace, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, ...]]:
    """Yield a row for each port, those of namespaces after them by their dotted names, down to :data:`MAX_DEPTH`."""
    for name, port in ports.items():
        if name in HIDDEN:
            continue
        path = f"{prefix}{name}"
        is_open = isinstance(port, PortNamespace) and (port.dynamic or not len(port) or depth == MAX_DEPTH)
        yield f"`{path}.…`" if is_open else f"`{path}`", _types(port), _need(port), _text(port.help or "")
        if isinstance(port, PortNamespace) and depth < MAX_DEPTH:
            yield from _rows(port, f"{path}.", depth + 1)


def _need(port: Port) -> str:
    return "required" if port.required else "optional"


def _types(port: Any) -> str:
    kinds = port.valid_type if isinstance(port.valid_type, tuple) else (port.valid_type,)
    return ", ".join(f"`{kind.__name__}`" for kind in kinds if kind not in (None, type(None)))


def _fields(fields: dict[str, Field]) -> Iterable[tuple[str, ...]]:
    for name, field in fields.items():
        kinds = ", ".join(f"`{kind.__name__}`" for kind in field.types)
        yield f"`{name}`", kinds, "required" if field.required else "optional", _text(field.help)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head, rows = list(head), [list(row) for row in rows]
    if not rows:
        return "None."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _text(text: str) -> str:
    """Return a docstring or help as one paragraph of Markdown, parameters left out."""
    first = re.split(r"\n\s*:(?:param|raises|return)", text)[0]
    plain = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(first.split()))
    return re.sub(r"``([^`]+)``", r"`\1`", plain).replace("<", "&lt;").replace("{", "&#123;")

"""The results in an archive computed again from their inputs, by the very functions that made them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_concerted.archive.compare import compare_nodes
from aiida_concerted.archive.cut import read_left_out
from aiida_concerted.archive.manifest import find_alterations
from aiida_concerted.archive.reading import open_archive

_OURS = re.compile(r"aiida_concerted\.calculations\.functions\.([a-z_]+)\.([a-z_]+)")
AGREES, DIFFERS, SKIPPED = "agrees", "differs", "skipped"
MISSING_INPUTS = "its inputs were left out of the archive"


@dataclass(frozen=True)
class Verdict:
    """What became of one result.

    :param pk: its key in the archive.
    :param uuid: its UUID.
    :param name: its node type and what distinguishes it.
    :param function: the function that made it.
    :param outcome: ``agrees``, ``differs`` or ``skipped``.
    :param deviation: largest relative deviation of a number; ``None`` where there is none to tell.
    :param reason: where it differs most, or why it was skipped.
    """

    pk: int
    uuid: str
    name: str
    function: str
    outcome: str
    deviation: float | None = None
    reason: str = ""


def verify_archive(
    path: Path, *, tolerance: float = 1e-6, progress: Callable[[int, int], None] | None = None
) -> Iterator[Verdict]:
    """Yield a verdict for every result in an archive that a function of this package made.

    First every file is compared with its hash, and the database with that in the manifest; what differs has a verdict.

    The archive is opened read-only; nothing is stored. A profile must be loaded, in which nothing is changed: AiiDA
    makes even nodes that are never stored in one.

    :param tolerance: relative deviation up to which numbers agree.
    :param progress: called with the number of functions called and their total.
    :raises ArchiveError: if the archive cannot be read.
    """
    for alteration in find_alterations(path):
        yield Verdict(0, "archive", "archive", "", DIFFERS, reason=alteration)
    with open_archive(path) as backend:
        builder = orm.QueryBuilder(backend=backend)
        builder.append(orm.CalcFunctionNode, filters={"process_type": {"like": "aiida\\_concerted.%"}}, project="*")
        processes = sorted(builder.all(flat=True), key=lambda node: node.pk)
        for number, process in enumerate(processes, start=1):
            yield from _verify(process, tolerance)
            if progress is not None:
                progress(number, len(processes))


def _verify(process: orm.CalcFunctionNode, tolerance: float) -> Iterator[Verdict]:
    stored = _linked(process.base.links.get_outgoing(link_type=LinkType.CREATE))
    if not stored:
        return
    name = str(process.process_label)
    computed = _compute(process)
    for label, node in sorted(stored.items()):
        about = (int(node.pk or 0), node.uuid, _describe(node, label), name)
        if isinstance(computed, str):
            yield Verdict(*about, SKIPPED, reason=computed)
        elif label not in computed:
            yield Verdict(*about, DIFFERS, reason="it is not made any more")
        else:
            yield _judge(about, node, computed[label], tolerance)


def _judge(about: tuple[int, str, str, str], stored: orm.Node, computed: orm.Node, tolerance: float) -> Verdict:
    try:
        found = compare_nodes(stored, computed)
    except OSError as error:
        return Verdict(*about, SKIPPED, reason=f"its files are not in the archive ({error.strerror or error})")
    except ValueError as error:  # pickles in arrays, which are never loaded, and damaged files
        return Verdict(*about, DIFFERS, reason=f"its files cannot be read ({' '.join(str(error).split())})")
    outcome = AGREES if found.relative <= tolerance else DIFFERS
    deviation = found.relative if found.relative != float("inf") else None
    return Verdict(*about, outcome, deviation, found.where if outcome == DIFFERS else "")


def _compute(process: orm.CalcFunctionNode) -> dict[str, orm.Node] | str:
    """Return the outputs of a function called again, or why it cannot be."""
    function = find_function(str(process.process_type))
    if function is None:
        return "this version has no such function"
    inputs = _linked(process.base.links.get_incoming(link_type=LinkType.INPUT_CALC))
    # The extra stays where a larger archive brought the inputs later.
    missing = [label for label in read_left_out(process.base.extras.all) if label not in inputs]
    if missing:
        return f"{MISSING_INPUTS} ({', '.join(missing[:3])}{', …' if len(missing) > 3 else ''})"
    try:
        outputs = function(**inputs)
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"it cannot be computed again ({' '.join(str(error).split()) or type(error).__name__})"
    if isinstance(outputs, ExitCode):
        return f"computed again it ends with {outputs.status}: {outputs.message}"
    return outputs if isinstance(outputs, dict) else {"result": outputs}


def find_function(process_type: str) -> Callable[..., Any] | None:
    """Return the plain function behind a calcfunction of this package, ``None`` for any other name.

    Names come from the archive: nothing outside the folder of our functions is ever imported by them.
    """
    match = _OURS.fullmatch(process_type)
    if match is None:
        return None
    try:
        module = importlib.import_module(f"aiida_concerted.calculations.functions.{match.group(1)}")
    except ImportError:
        return None
    function = getattr(module, match.group(2), None)
    if not getattr(function, "is_process_function", False):
        return None
    return function.__wrapped__  # type: ignore[no-any-return, union-attr]


def _linked(links: Any) -> dict[str, orm.Node]:
    return {entry.link_label: entry.node for entry in links.all()}


def _describe(node: orm.Node, label: str) -> str:
    attributes = node.base.attributes.all
    words = [type(node).__name__.removesuffix("Data")]
    if label != "result":
        words.append(label)
    for key in ("material", "quantity", "mode"):
        if key in attributes and attributes[key] not in words:
            words.append(str(attributes[key]))
    if isinstance(attributes.get("temperature_K"), int | float):
        words.append(f"{attributes['temperature_K']:g} K")
    return " ".join(words)

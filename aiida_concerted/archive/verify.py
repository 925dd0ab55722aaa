"""The results in an archive computed again from their inputs, by the very functions that made them."""

from __future__ import annotations

import importlib
import inspect
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode

from aiida_concerted.archive.compare import UnreadableError, compare_nodes
from aiida_concerted.archive.cut import read_left_out
from aiida_concerted.archive.manifest import find_alterations, read_manifest, stated_left_out
from aiida_concerted.archive.reading import open_archive
from aiida_concerted.archive.summary import refuse_newer
from aiida_concerted.data.results import RESULT_CLASSES
from aiida_concerted.data.sites import SiteHistoryData

_OURS = re.compile(r"aiida_concerted\.calculations\.functions\.([a-z_]+)\.([a-z_]+)")
AGREES, DIFFERS, SKIPPED, LEFT_OUT = "agrees", "differs", "skipped", "left out"
MISSING_INPUTS = "its inputs were left out of the archive"
NOBODY = "no function of this package made it"
MADE: tuple[type[orm.Node], ...] = (*RESULT_CLASSES, SiteHistoryData)
"""Data that functions make; each in an archive has a verdict."""
MAX_LABELS = 3
"""Labels of inputs that are named in one verdict."""


@dataclass(frozen=True)
class Verdict:
    """What became of one result.

    :param pk: its key in the archive.
    :param uuid: its UUID.
    :param name: its node type and what distinguishes it.
    :param function: the function that made it.
    :param outcome: ``agrees``; ``differs``; ``left out`` where inputs are not in the archive, as its manifest says;
        ``skipped`` where it could not be computed again for any other reason.
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
    """Yield a verdict for every result in an archive.

    First every file is compared with its hash, and the database with that in the manifest; what differs has a verdict.
    So has a function that says of more inputs than the manifest that they were left out. Whoever alters an archive can
    alter its manifest too: only ``agrees`` says that a number follows from what is in the archive.

    The archive is opened read-only; nothing is stored. A profile must be loaded, in which nothing is changed: AiiDA
    makes even nodes that are never stored in one.

    :param tolerance: relative deviation up to which numbers agree.
    :param progress: called with the number of functions called and their total.
    :raises ArchiveError: if the archive cannot be read, or holds results of a newer version of this software.
    """
    for alteration in find_alterations(path):
        yield _of_archive(alteration)
    manifest = read_manifest(path)
    judged: set[str] = set()
    claimed: Counter[str] = Counter()
    with open_archive(path) as backend:
        refuse_newer(backend, path)
        processes = _processes(backend)
        for number, process in enumerate(processes, start=1):
            claimed[str(process.process_label)] += len(_missing(process))
            for verdict in _verify(process, tolerance, has_manifest=manifest is not None):
                judged.add(verdict.uuid)
                yield verdict
            if progress is not None:
                progress(number, len(processes))
        yield from _unjudged(backend, judged)
    if manifest is not None:
        yield from map(_of_archive, _contradictions(claimed, stated_left_out(manifest)))


def _processes(backend: Any) -> list[orm.CalcFunctionNode]:
    builder = orm.QueryBuilder(backend=backend)
    builder.append(orm.CalcFunctionNode, filters={"process_type": {"like": "aiida\\_concerted.%"}}, project="*")
    return sorted(builder.all(flat=True), key=lambda node: int(node.pk or 0))


def _of_archive(reason: str) -> Verdict:
    """Return the verdict on an archive that is not what it says it is."""
    return Verdict(0, "archive", "archive", "", DIFFERS, reason=reason)


def _contradictions(claimed: Mapping[str, int], stated: Mapping[str, int]) -> Iterator[str]:
    """Yield what functions say of their inputs and the manifest does not."""
    for name, number in sorted(claimed.items()):
        if number != stated.get(name, 0):
            yield f"{name} says that {number} of its inputs were left out, the manifest {stated.get(name, 0)}"


def _unjudged(backend: Any, judged: Collection[str]) -> Iterator[Verdict]:
    """Yield a verdict for every result that no function of ours made."""
    builder = orm.QueryBuilder(backend=backend).append(MADE)
    for node in sorted(builder.all(flat=True), key=lambda node: int(node.pk or 0)):
        if node.uuid not in judged:
            yield Verdict(int(node.pk or 0), node.uuid, _describe(node, "result"), "", SKIPPED, reason=NOBODY)


def _verify(process: orm.CalcFunctionNode, tolerance: float, *, has_manifest: bool) -> Iterator[Verdict]:
    stored = _linked(process.base.links.get_outgoing(link_type=LinkType.CREATE))
    if not stored:
        return
    name = str(process.process_label)
    missing = _missing(process)
    computed = _compute(process) if not missing else _say_missing(missing, has_manifest)
    for label, node in sorted(stored.items()):
        about = (int(node.pk or 0), node.uuid, _describe(node, label), name)
        if isinstance(computed, str):
            yield Verdict(*about, LEFT_OUT if missing and has_manifest else SKIPPED, reason=computed)
        elif label not in computed:
            yield Verdict(*about, DIFFERS, reason="it is not made any more")
        else:
            yield _judge(about, node, computed[label], tolerance)


def _judge(about: tuple[int, str, str, str], stored: orm.Node, computed: orm.Node, tolerance: float) -> Verdict:
    try:
        found = compare_nodes(stored, computed)
    except UnreadableError as error:
        return Verdict(*about, DIFFERS, reason=f"its files cannot be read ({error})")
    outcome = AGREES if found.relative <= tolerance else DIFFERS
    deviation = found.relative if found.relative != float("inf") else None
    return Verdict(*about, outcome, deviation, found.where if outcome == DIFFERS else "")


def _missing(process: orm.CalcFunctionNode) -> list[str]:
    """Return the labels of the inputs that a function says were left out."""
    claimed = read_left_out(process.base.extras.all)
    # The extra stays where a larger archive brought the inputs later.
    present = _linked(process.base.links.get_incoming(link_type=LinkType.INPUT_CALC)) if claimed else {}
    return [label for label in claimed if label not in present]


def _say_missing(missing: Sequence[str], has_manifest: bool) -> str:
    more = ", …" if len(missing) > MAX_LABELS else ""
    doubt = "" if has_manifest else "; no manifest says so"
    return f"{MISSING_INPUTS} ({', '.join(missing[:MAX_LABELS])}{more}){doubt}"


def _compute(process: orm.CalcFunctionNode) -> dict[str, orm.Node] | str:
    """Return the outputs of a function called again, or why it cannot be."""
    function = find_function(str(process.process_type))
    if function is None:
        return "this version has no such function"
    inputs = _linked(process.base.links.get_incoming(link_type=LinkType.INPUT_CALC))
    try:
        inspect.signature(function).bind(**inputs)
    except TypeError as error:
        return f"this version's function takes other inputs ({error})"
    try:
        outputs = function(**inputs)
    except Exception as error:  # what is in an archive may make a function fail in any way: the others are still tried
        return f"it cannot be computed again ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
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

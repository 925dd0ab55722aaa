"""Whether two results are the same within a tolerance, and where they differ most."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import NDArray

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.result import ResultData
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData

VOLATILE = ("schema_version",)


@dataclass(frozen=True)
class Deviation:
    """The largest relative deviation between two results.

    :param relative: deviation by the size of the numbers; infinite where something is absent or of another kind.
    :param where: name of the value.
    """

    relative: float = 0.0
    where: str = ""

    def __or__(self, other: Deviation) -> Deviation:
        """Return the larger."""
        return other if other.relative > self.relative else self


MISSING = float("inf")

_UNREADABLE = (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error)
"""What the readers of JSON, numpy's arrays and zip files raise at damaged content; numpy refuses pickles so."""


class UnreadableError(Exception):
    """The files of a stored node are absent or damaged; the message says how."""


@dataclass(frozen=True)
class _Content:
    """What a result holds beside its attributes."""

    result: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def _content(node: orm.Node) -> _Content:
    """Return what the files of a node hold.

    :raises UnreadableError: if that cannot be read.
    """
    try:
        result = node.get_result() if isinstance(node, ResultData) else {}  # type: ignore[attr-defined]
        return _Content(result, _arrays(node))
    except FileNotFoundError as error:
        raise UnreadableError("a file of it is not in the archive") from error
    except _UNREADABLE as error:
        raise UnreadableError(" ".join(str(error).split()) or type(error).__name__) from error


def compare_nodes(stored: orm.Node, computed: orm.Node) -> Deviation:
    """Return the largest deviation of a result computed again from the stored one.

    What the stored node does not have is not compared: later versions know more.

    :raises UnreadableError: if the files of the stored one are absent or damaged.
    """
    if type(stored) is not type(computed):
        return Deviation(MISSING, f"a {type(computed).__name__} instead of a {type(stored).__name__}")
    attributes = stored.get_attributes() if isinstance(stored, ResultData) else stored.base.attributes.all  # type: ignore[attr-defined]
    known = {key: value for key, value in attributes.items() if key not in VOLATILE}
    found = compare(known, computed.base.attributes.all, "")
    old, new = _content(stored), _content(computed)
    return found | compare(old.result, new.result, "result") | _compare_arrays(old.arrays, new.arrays)


def compare(stored: Any, computed: Any, where: str) -> Deviation:
    """Return the largest deviation between two JSON-like values.

    :param where: name of the values.
    """
    if isinstance(stored, dict) and isinstance(computed, dict):
        found = Deviation()
        for key, value in stored.items():
            place = f"{where}.{key}".lstrip(".")
            found |= (
                compare(value, computed[key], place) if key in computed else Deviation(MISSING, f"{place} is absent")
            )
        return found
    if isinstance(stored, list) and isinstance(computed, list | tuple):
        return _compare_lists(stored, list(computed), where)
    if _is_number(stored) and _is_number(computed):
        return _relative(np.array([stored], dtype=float), np.array([computed], dtype=float), where)
    return Deviation() if stored == computed else Deviation(MISSING, f"{where}: {stored!r} became {computed!r}"[:120])


def _compare_lists(stored: list[Any], computed: list[Any], where: str) -> Deviation:
    if len(stored) != len(computed):
        return Deviation(MISSING, f"{where} has {len(computed)} entries instead of {len(stored)}")
    if stored and all(_is_number(value) for value in (*stored, *computed)):
        # Numbers of one list are of one kind: a vanishing one is measured by its neighbours.
        return _relative(np.array(stored, dtype=float), np.array(computed, dtype=float), where)
    found = Deviation()
    for index, (old, new) in enumerate(zip(stored, computed, strict=True)):
        found |= compare(old, new, f"{where}[{index}]")
    return found


def _compare_arrays(stored: dict[str, NDArray[Any]], computed: dict[str, NDArray[Any]]) -> Deviation:
    found = Deviation()
    for name, old in stored.items():
        new = computed.get(name)
        if new is None or new.shape != old.shape:
            found |= Deviation(MISSING, f"the array {name} is {'absent' if new is None else f'of shape {new.shape}'}")
        elif old.dtype.kind in "fiub" and new.dtype.kind in "fiub":
            found |= _relative(old.astype(float), new.astype(float), f"the array {name}")
        elif not np.array_equal(old, new):
            found |= Deviation(MISSING, f"the array {name}")
    return found


def _relative(old: NDArray[np.float64], new: NDArray[np.float64], where: str) -> Deviation:
    both = np.isnan(old) & np.isnan(new)
    differences = np.where(both, 0.0, np.abs(new - old))
    largest = float(np.max(differences, initial=0.0))
    if largest == 0.0:
        return Deviation()
    scale = float(np.nanmax(np.abs(np.concatenate([old.ravel(), new.ravel()]))))
    return Deviation(MISSING if np.isnan(differences).any() else largest / scale, where)


def _arrays(node: orm.Node) -> dict[str, NDArray[Any]]:
    if isinstance(node, ResultData):
        return node.get_arrays()  # type: ignore[attr-defined, no-any-return]
    if isinstance(node, orm.ArrayData):
        return {name: node.get_array(name) for name in node.get_arraynames()}
    if isinstance(node, SiteHistoryData):
        return dict(node.get_history().to_arrays())  # type: ignore[attr-defined]
    if isinstance(node, LabelledFramesData):
        return _parts(node.get_frames(), ("species", "cells", "positions", "energies", "forces", "virials", "origins"))
    if isinstance(node, MolecularDynamicsData):
        return _parts(node.get_trajectory(), ("carriers", "cell", "framework", "framework_displacement"))
    return {}


def _parts(whole: Any, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Return the arrays of an object that it has."""
    return {name: np.asarray(value) for name in names if (value := getattr(whole, name)) is not None}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

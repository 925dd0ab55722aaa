"""KPOINTS: meshes and explicit lists."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Style = Literal["Gamma", "Monkhorst-Pack", "Explicit"]


@dataclass(frozen=True)
class Kpoints:
    """Points of the Brillouin zone.

    :param style: how they were given.
    :param points: in units of the reciprocal lattice vectors, shape ``(n_points, 3)``; of each pair ``k``, ``-k`` of a
        mesh only one is kept (time reversal), other symmetry is not used.
    :param weights: sum to one, shape ``(n_points,)``.
    :param divisions: of the mesh; ``None`` for a list.
    :param shift: of the mesh, in units of its spacing.
    """

    style: Style
    points: FloatArray
    weights: FloatArray
    divisions: tuple[int, int, int] | None = None
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)


def mesh(
    divisions: tuple[int, int, int], style: Style = "Gamma", shift: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> Kpoints:
    """Return a regular mesh.

    :param divisions: points along each reciprocal vector.
    :param style: ``Gamma`` contains the origin, ``Monkhorst-Pack`` is centred on it.
    :raises ValueError: if a division is not positive or the style is no mesh.
    """
    if style == "Explicit" or min(divisions) < 1:
        raise ValueError(f"a mesh needs three positive divisions, got {style} {divisions}")
    offsets = [0.0 if style == "Gamma" else (1 - n) / 2 for n in divisions]
    axes = [(np.arange(n) + offset + s) / n for n, offset, s in zip(divisions, offsets, shift, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points -= np.round(points - 1e-9)
    kept, weights = _reduce_by_time_reversal(points)
    return Kpoints(style, kept, weights, divisions, (float(shift[0]), float(shift[1]), float(shift[2])))


def mesh_of_spacing(cell: FloatArray, spacing: float, *, gamma: bool = True) -> Kpoints:
    """Return the mesh of VASP's KSPACING.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param spacing: largest distance between points in Å⁻¹, the factor 2π included.
    :raises ValueError: if the spacing is not positive.
    """
    if not spacing > 0:
        raise ValueError(f"KSPACING must be positive, got {spacing}")
    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(cell).T, axis=1)
    counts = [max(1, math.ceil(length / spacing)) for length in lengths]
    return mesh((counts[0], counts[1], counts[2]), "Gamma" if gamma else "Monkhorst-Pack")


def parse_kpoints(text: str, cell: FloatArray, name: str = "KPOINTS") -> Kpoints:
    """Return the points of a KPOINTS file.

    :param cell: lattice vectors as rows in Å, needed where a length asks for a mesh.
    :raises ValueError: if a line is not understood, or the file asks for a band structure or a generalised mesh.
    """
    lines = [line.split("!")[0].split("#")[0].strip() for line in text.splitlines()]
    try:
        count = int(lines[1].split()[0])
        style = lines[2][0].upper()
        if count > 0:
            return _explicit(lines[3 : 3 + count], count, style, name)
        return _automatic(lines[3:], style, cell, name)
    except (IndexError, TypeError):
        raise ValueError(f"{name} ends before its points or divisions are complete") from None
    except ValueError as error:
        message = str(error)
        raise ValueError(message if message.startswith(name) else f"{name}: {message}") from None


def read_kpoints(path: str | Path, cell: FloatArray) -> Kpoints:
    """Return the points of a KPOINTS file; see :func:`parse_kpoints`."""
    path = Path(path)
    try:
        return parse_kpoints(path.read_text(encoding="utf-8", errors="replace"), cell, path.name)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None


def _explicit(lines: list[str], count: int, style: str, name: str) -> Kpoints:
    """Return the points listed one by one."""
    if style == "L":
        raise ValueError(f"{name} line 3: a band structure along lines is not supported; give a mesh or a list")
    rows = np.array([[float(word) for word in line.split()[:4]] for line in lines])
    if rows.shape != (count, 4):
        raise ValueError(f"{name} must list {count} points with three coordinates and a weight each")
    points, weights = rows[:, :3], rows[:, 3]
    if style in "CK":
        raise ValueError(f"{name} line 3: Cartesian points are not supported; give them in reciprocal coordinates")
    if weights.sum() <= 0:
        raise ValueError(f"{name}: the weights must add up to a positive number")
    return Kpoints("Explicit", points, weights / weights.sum())


def _automatic(lines: list[str], style: str, cell: FloatArray, name: str) -> Kpoints:
    """Return the mesh that divisions or a length ask for."""
    if style == "A":
        length = float(lines[0].split()[0])
        reciprocal = np.linalg.norm(np.linalg.inv(cell).T, axis=1)
        counts = [max(1, int(length * b + 0.5)) for b in reciprocal]
        return mesh((counts[0], counts[1], counts[2]), "Gamma")
    if style not in "GM":
        raise ValueError(f"{name} line 3: expected Gamma, Monkhorst-Pack or Automatic, got '{style}'")
    counts = [int(word) for word in lines[0].split()[:3]]
    words = lines[1].split() if len(lines) > 1 else []
    shift = tuple(float(word) for word in words[:3]) if len(words) >= 3 else (0.0, 0.0, 0.0)
    return mesh((counts[0], counts[1], counts[2]), "Gamma" if style == "G" else "Monkhorst-Pack", shift)


def _reduce_by_time_reversal(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return one of each pair ``k`` and ``-k`` (equal up to a reciprocal vector) and the weights."""
    weights: dict[tuple[int, ...], int] = {}
    kept: list[FloatArray] = []
    for point in points:
        key, opposite = (tuple(int(x) for x in np.round(sign * point % 1 * 1e7) % 10**7) for sign in (1, -1))
        if opposite in weights:
            weights[opposite] += 1
        else:
            weights[key] = 1
            kept.append(point)
    counts = np.array(list(weights.values()), dtype=np.float64)
    return np.array(kept), counts / counts.sum()

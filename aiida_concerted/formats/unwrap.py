"""Positions followed through the periodic boundaries by the shortest step from frame to frame."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_STEP = 0.4
"""Longest step that is believed, as a fraction of the cell's height along it; beyond 0.5 it would be another one."""

_SHIFTS = np.array(list(itertools.product((-1, 0, 1), repeat=3)), dtype=np.float64)
_GOOD, _TOO_LONG, _NOT_FINITE = 0, 1, 2


class UnwrapError(ValueError):
    """A step that cannot be followed.

    :param frame: frame of the block in which the step ends.
    :param atom: number of the atom, counted from 0.
    :param length: length of the step in Å; NaN where a position is not finite.
    """

    def __init__(self, frame: int, atom: int, length: float) -> None:
        self.frame, self.atom, self.length = frame, atom, length
        super().__init__(f"atom {atom} cannot be followed to frame {frame} ({length:.3g} Å)")


def reduced_basis(cell: FloatArray) -> FloatArray:
    """Return the shortest basis of the lattice (Minkowski's) as rows in Å.

    In it the nearest image is found among few; in a cell that stands askew, rounding fractional coordinates can miss
    it. The algorithm is that of Semaev (2001), which generalises Gauss' to three vectors.

    :param cell: lattice vectors as rows in Å.
    """
    basis = np.array(cell, dtype=np.float64)
    for _ in range(1000):
        basis = basis[np.argsort(np.linalg.norm(basis, axis=1), kind="stable")]
        reduced_pair = basis[1] - np.rint(basis[1] @ basis[0] / (basis[0] @ basis[0])) * basis[0]
        in_plane = np.rint(np.linalg.lstsq(basis[:2].T, basis[2], rcond=None)[0])
        candidates = basis[2] - (in_plane + _SHIFTS[:, :2]) @ basis[:2]
        best = candidates[np.argmin((candidates**2).sum(axis=1))]
        if _shorter(reduced_pair, basis[1]):
            basis[1] = reduced_pair
        elif _shorter(best, basis[2]):
            basis[2] = best
        else:
            return basis
    raise ValueError(f"the cell is too flat to be reduced: {cell.tolist()}")


def _shorter(vector: FloatArray, other: FloatArray) -> bool:
    return bool(vector @ vector < other @ other * (1 - 1e-10))


class Unwrapper:
    """Follows every atom from one frame to the next.

    :param cell: lattice vectors as rows in Å, the same at all frames.
    :param n_atoms: number of atoms.
    """

    def __init__(self, cell: FloatArray, n_atoms: int) -> None:
        self.cell = np.ascontiguousarray(cell, dtype=np.float64)
        self._basis = reduced_basis(self.cell)
        self._inverse = np.linalg.inv(self._basis)
        self._lattice = np.array([shift @ self._basis for shift in _SHIFTS if shift.any()])
        self._safe = MAX_STEP * float(np.linalg.norm(self._basis, axis=1).min())
        self._last: FloatArray | None = None
        self._images = np.zeros((n_atoms, 3), dtype=np.int64)

    def unwrap(self, positions: NDArray[np.floating[Any]]) -> None:
        """Change positions to unwrapped ones.

        :param positions: Cartesian positions in Å, shape ``(n, n_atoms, 3)``, wrapped or not.
        :raises UnwrapError: if a step is too long or a number is not finite; the first such.
        """
        if self._last is None:
            self._last = positions[0].astype(np.float64)
        status, frame, atom, length = _unwrap(
            positions, self._last, self._images, self._basis, self._inverse, self._lattice, self._safe, MAX_STEP
        )
        if status != _GOOD:
            raise UnwrapError(int(frame), int(atom), float(length))

    def keep(self, positions: NDArray[np.floating[Any]]) -> int:
        """Take positions as unwrapped already; return how many steps are longer than half the cell's height.

        :raises UnwrapError: if a number is not finite.
        """
        if self._last is None:
            self._last = positions[0].astype(np.float64)
        shift = self._images @ self._basis
        if self._images.any():
            positions += shift.astype(positions.dtype)
        status, frame, atom, n_long = _count_long(positions, self._last, self._inverse)
        if status != _GOOD:
            raise UnwrapError(int(frame), int(atom), float("nan"))
        return int(n_long)

    def join(self, positions: NDArray[np.floating[Any]], *, free: bool = False) -> int:
        """Set the images so that unwrapped positions go on where the last frame ended; return the atoms concerned.

        :param positions: first frame of a file that follows, shape ``(n_atoms, 3)``.
        :param free: whether steps of more than half the cell have been seen, so that nothing can be told.
        """
        self._images[:] = 0
        if self._last is None or free:
            return 0
        self._images[:] = -np.rint((positions.astype(np.float64) - self._last) @ self._inverse).astype(np.int64)
        return int(self._images.any(axis=1).sum())

    @property
    def last(self) -> FloatArray | None:
        """Return the last frame in Å, shape ``(n_atoms, 3)``, up to lattice vectors."""
        return self._last


def nearest_way(first: FloatArray, second: NDArray[np.floating[Any]], cell: FloatArray) -> float:
    """Return the longest way in Å from an atom to its image in another frame, the nearest where it is near.

    :param first: Cartesian positions in Å, shape ``(n_atoms, 3)``.
    :param second: likewise.
    :param cell: lattice vectors as rows in Å.
    """
    basis = reduced_basis(cell)
    fractional = (second - first) @ np.linalg.inv(basis)
    ways = (fractional - np.rint(fractional)) @ basis
    return float(np.sqrt((ways**2).sum(axis=1).max()))


@njit(cache=True, nogil=True)
def _unwrap(positions, last, images, basis, inverse, lattice, safe, limit):  # type: ignore[no-untyped-def]
    """Change positions in place; return status, frame, atom and length of the first step that cannot be followed."""
    n_frames, n_atoms = positions.shape[0], positions.shape[1]
    way, shift = np.empty(3), np.empty(3)
    for frame in range(n_frames):
        for atom in range(n_atoms):
            d0 = positions[frame, atom, 0] - last[atom, 0]
            d1 = positions[frame, atom, 1] - last[atom, 1]
            d2 = positions[frame, atom, 2] - last[atom, 2]
            for k in range(3):
                shift[k] = -np.rint(d0 * inverse[0, k] + d1 * inverse[1, k] + d2 * inverse[2, k])
            squared = 0.0
            for k in range(3):
                way[k] = shift[0] * basis[0, k] + shift[1] * basis[1, k] + shift[2] * basis[2, k]
            way[0] += d0
            way[1] += d1
            way[2] += d2
            squared = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
            # A way shorter than half the shortest lattice vector is the shortest there is; others are looked at.
            if not squared <= safe * safe:
                if not np.isfinite(squared):
                    return _NOT_FINITE, frame, atom, np.nan
                squared = _shortest(way, shift, basis, squared)
                if _ambiguity(way, lattice) > limit:
                    return _TOO_LONG, frame, atom, np.sqrt(squared)
            for k in range(3):
                last[atom, k] = positions[frame, atom, k]
                images[atom, k] += np.int64(shift[k])
            _move(positions[frame, atom], images[atom], basis)
    return _GOOD, 0, 0, 0.0


@njit(cache=True, nogil=True)
def _move(position, image, basis):  # type: ignore[no-untyped-def]
    """Shift a position by lattice vectors; one that was never wrapped keeps its last digit."""
    if image[0] != 0 or image[1] != 0 or image[2] != 0:
        for k in range(3):
            position[k] += image[0] * basis[0, k] + image[1] * basis[1, k] + image[2] * basis[2, k]


@njit(cache=True, nogil=True)
def _shortest(way, shift, basis, squared):  # type: ignore[no-untyped-def]
    """Change a way, and its lattice shift, to the shortest among its neighbours; return its squared length."""
    best_i, best_j, best_k, best = 0, 0, 0, squared
    for i in range(-1, 2):
        for j in range(-1, 2):
            for k in range(-1, 2):
                total = 0.0
                for axis in range(3):
                    total += (way[axis] + i * basis[0, axis] + j * basis[1, axis] + k * basis[2, axis]) ** 2
                if total < best:
                    best_i, best_j, best_k, best = i, j, k, total
    for axis in range(3):
        way[axis] += best_i * basis[0, axis] + best_j * basis[1, axis] + best_k * basis[2, axis]
    shift[0] += best_i
    shift[1] += best_j
    shift[2] += best_k
    return best


@njit(cache=True, nogil=True)
def _ambiguity(way, lattice):  # type: ignore[no-untyped-def]
    """Return the largest share of a lattice vector in a way; at 0.5 the next image is as near."""
    largest = 0.0
    for i in range(len(lattice)):
        along = lattice[i, 0] * way[0] + lattice[i, 1] * way[1] + lattice[i, 2] * way[2]
        length = lattice[i, 0] ** 2 + lattice[i, 1] ** 2 + lattice[i, 2] ** 2
        largest = max(largest, along / length)
    return largest


@njit(cache=True, nogil=True)
def _count_long(positions, last, inverse):  # type: ignore[no-untyped-def]
    """Return status, frame, atom and how many steps span more than half the cell; the last frame is put in ``last``."""
    n_long = 0
    for frame in range(positions.shape[0]):
        for atom in range(positions.shape[1]):
            d0 = positions[frame, atom, 0] - last[atom, 0]
            d1 = positions[frame, atom, 1] - last[atom, 1]
            d2 = positions[frame, atom, 2] - last[atom, 2]
            if not np.isfinite(d0 + d1 + d2):
                return _NOT_FINITE, frame, atom, n_long
            is_long = False
            for k in range(3):
                share = abs(d0 * inverse[0, k] + d1 * inverse[1, k] + d2 * inverse[2, k])
                is_long = is_long or share > 0.5
                last[atom, k] = positions[frame, atom, k]
            n_long += is_long
    return _GOOD, 0, 0, n_long

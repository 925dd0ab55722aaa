"""The network of sites between which carriers hop: labels, edges, groups of split sites, named modes."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.components import connected
from aiida_concerted.common.cells import cell_heights

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DEFAULT_MAX_EDGE_A = 3.8
"""Longest hop in Å that counts as one step.

In LGPS the number of edges is the same for every limit between 3.60 and 3.86 Å with either of two refinements; contact
of Voronoi cells alone would add faces through the framework.
"""

LABEL_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

Group = tuple[str, str, float]


@dataclass(frozen=True)
class SiteNetwork:
    """Labelled reference sites of one unit cell and what is known about hops between them.

    :param material: short key, such as ``LGPS``.
    :param labels: label of each site, length ``n_sites``.
    :param fractional: fractional coordinates of the sites in the unit cell, shape ``(n_sites, 3)``.
    :param cell: lattice vectors of the unit cell as rows in Å, shape ``(3, 3)``.
    :param max_edge_A: longest site–site distance in Å of a hop that counts as one step.
    :param groups: ``(label, label, distance in Å)``: sites of these labels closer than the distance act as one.
    :param modes: labels ``A-B-C`` of the named modes, in the order of tables.
    :param framework_elements: elements that may stand on each framework site.
    :param framework_fractional: fractional coordinates of the framework sites, shape ``(n_framework, 3)``.
    :param origin_shift: fractional shift of the sites in trajectories of this material, if it is prescribed.
    :raises ValueError: if shapes disagree, a label is malformed, or a group or mode names an unknown label.
    """

    material: str
    labels: tuple[str, ...]
    fractional: FloatArray
    cell: FloatArray
    max_edge_A: float = DEFAULT_MAX_EDGE_A
    groups: tuple[Group, ...] = ()
    modes: tuple[str, ...] = ()
    framework_elements: tuple[tuple[str, ...], ...] = ()
    framework_fractional: FloatArray = field(default_factory=lambda: np.empty((0, 3)))
    origin_shift: tuple[float, float, float] | None = None

    def __post_init__(self) -> None:
        if not self.labels or self.fractional.shape != (len(self.labels), 3):
            raise ValueError(f"fractional must have the shape ({len(self.labels)}, 3), got {self.fractional.shape}")
        if self.framework_fractional.shape != (len(self.framework_elements), 3):
            raise ValueError(f"framework_fractional must have the shape ({len(self.framework_elements)}, 3)")
        if self.cell.shape != (3, 3) or not abs(np.linalg.det(self.cell)) > 1e-6:
            raise ValueError("the site cell must be three lattice vectors that span a volume")
        for name in ("fractional", "cell", "framework_fractional"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} must be finite")
        if not self.max_edge_A > 0:
            raise ValueError(f"max_edge_A must be positive, got {self.max_edge_A}")
        self._check_labels()
        self._check_separation()

    def _check_labels(self) -> None:
        known = set(self.labels)
        for label in known:
            if not LABEL_PATTERN.fullmatch(label):
                raise ValueError(
                    f"the site label '{label}' must begin with a letter and hold only letters, digits and _"
                )
        for first, second, distance in self.groups:
            if not {first, second} <= known or not distance > 0:
                raise ValueError(
                    f"the group [{first}, {second}, {distance}] needs two site labels and a positive distance"
                )
        for mode in self.modes:
            if len(parts := mode.split("-")) != 3 or not set(parts) <= known:
                raise ValueError(f"the mode '{mode}' must be A-B-C with labels among {', '.join(sorted(known))}")
        if len({frozenset((mode, reverse_mode(mode))) for mode in self.modes}) != len(self.modes):
            raise ValueError(f"a mode is named twice (A-B-C and C-B-A are one) in {', '.join(self.modes)}")

    def _check_separation(self) -> None:
        pairs = self.pairs_within(0.1)
        if len(pairs):
            first, second = pairs[0, :2]
            raise ValueError(
                f"the sites {first} ({self.labels[first]}) and {second} ({self.labels[second]}) coincide within 0.1 Å: "
                "list each site once"
            )

    @property
    def n_sites(self) -> int:
        """Return the number of sites in the unit cell."""
        return len(self.labels)

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of sites of each label, in order of first appearance."""
        return {label: self.labels.count(label) for label in dict.fromkeys(self.labels)}

    @property
    def edges(self) -> IntArray:
        """Return every edge once as ``(site, site, image, image, image)``, shape ``(n_edges, 5)``."""
        return self.pairs_within(self.max_edge_A)

    def pairs_within(self, distance_A: float) -> IntArray:
        """Return every pair of sites no further apart than ``distance_A`` once, periodic images included.

        :param distance_A: distance in Å.
        :return: rows ``(i, j, image of j)``, shape ``(n_pairs, 5)``.
        """
        first, second, image, _ = neighbour_pairs(self.fractional, self.cell, distance_A)
        forward = (first < second) | ((first == second) & _is_positive(image))
        return np.column_stack([first, second, image])[forward]

    def n_paths_per_cell(self, mode: str) -> float:
        """Return how many undirected paths of the class ``mode`` a unit cell holds; zero for one the network lacks."""
        paths = self.paths_per_cell()
        return paths.get(mode, paths.get(reverse_mode(mode), 0.0))

    def paths_per_cell(self) -> dict[str, float]:
        """Return the number of undirected paths A–B–C per unit cell of every class, named ones first, the rest sorted.

        A path is two edges that share the site B, with A and C different sites. With groups of split sites the number
        refers to groups, counted in a supercell large enough that no path meets its own image.
        """
        heights = cell_heights(self.cell)
        reach = 2.0 * self.max_edge_A + 2.0 * max((group[2] for group in self.groups), default=0.0)
        repeat = np.ceil(reach / heights).astype(np.int64) + 1
        supercell = Supercell(np.diag(repeat))
        basins, labels = merge_groups(self, supercell)
        edges = basin_edges(self, supercell, basins)
        counts = _count_paths(edges, labels, self.modes)
        return {mode: count / supercell.n_cells for mode, count in counts.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, from which :meth:`from_dict` rebuilds the network."""
        return {
            "material": self.material,
            "labels": list(self.labels),
            "fractional": self.fractional.tolist(),
            "cell": self.cell.tolist(),
            "max_edge_A": self.max_edge_A,
            "groups": [list(group) for group in self.groups],
            "modes": list(self.modes),
            "framework_elements": [list(elements) for elements in self.framework_elements],
            "framework_fractional": self.framework_fractional.tolist(),
            "origin_shift": None if self.origin_shift is None else list(self.origin_shift),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> SiteNetwork:
        """Return the network of a JSON form made by :meth:`as_dict`."""
        shift = content.get("origin_shift")
        return cls(
            material=str(content["material"]),
            labels=tuple(content["labels"]),
            fractional=np.array(content["fractional"], dtype=np.float64).reshape(-1, 3),
            cell=np.array(content["cell"], dtype=np.float64),
            max_edge_A=float(content["max_edge_A"]),
            groups=tuple((str(a), str(b), float(distance)) for a, b, distance in content["groups"]),
            modes=tuple(content["modes"]),
            framework_elements=tuple(tuple(elements) for elements in content["framework_elements"]),
            framework_fractional=np.array(content["framework_fractional"], dtype=np.float64).reshape(-1, 3),
            origin_shift=None if shift is None else (float(shift[0]), float(shift[1]), float(shift[2])),
        )


class Supercell:
    """The unit cells of an integer supercell and the way from any lattice translation to its cell.

    :param matrix: integer matrix; its rows are the supercell's lattice vectors in units of the unit cell's.
    :raises ValueError: if the matrix has no inverse.
    """

    def __init__(self, matrix: NDArray[Any]) -> None:
        self.matrix: IntArray = np.asarray(matrix, dtype=np.int64)
        determinant = round(float(np.linalg.det(self.matrix)))
        if self.matrix.shape != (3, 3) or determinant == 0:
            raise ValueError(
                f"a supercell needs an integer 3×3 matrix that can be inverted, got {np.asarray(matrix).tolist()}"
            )
        self.n_cells = abs(determinant)
        self.hermite = hermite_normal_form(self.matrix)
        self._size = np.diag(self.hermite)
        ranges = [range(int(extent)) for extent in self._size]
        self.translations: IntArray = np.array(list(itertools.product(*ranges)), dtype=np.int64)

    def cell_index(self, translation: IntArray) -> IntArray:
        """Return the index into ``translations`` of the cell equivalent to each translation, shape ``(..., 3)``."""
        reduced = np.array(translation, dtype=np.int64, copy=True)
        for axis in range(3):
            turns = np.floor_divide(reduced[..., axis], self._size[axis])
            reduced -= turns[..., None] * self.hermite[axis]
        _, second, third = self._size
        return (reduced[..., 0] * second + reduced[..., 1]) * third + reduced[..., 2]


def hermite_normal_form(matrix: IntArray) -> IntArray:
    """Return the upper triangular matrix of positive diagonal whose rows span the same lattice as ``matrix``."""
    rows = np.array(matrix, dtype=np.int64, copy=True)
    for column in range(3):
        while np.count_nonzero(rows[column:, column]) > 1:
            nonzero = column + np.flatnonzero(rows[column:, column])
            pivot = nonzero[np.argmin(np.abs(rows[nonzero, column]))]
            rows[[column, pivot]] = rows[[pivot, column]]
            for row in range(column + 1, 3):
                rows[row] -= (rows[row, column] // rows[column, column]) * rows[column]
        pivot = column + int(np.flatnonzero(rows[column:, column])[0])
        rows[[column, pivot]] = rows[[pivot, column]]
        if rows[column, column] < 0:
            rows[column] = -rows[column]
    return rows


def neighbour_pairs(
    fractional: FloatArray, cell: FloatArray, distance_A: float
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return all ordered pairs of different points no further apart than a distance, images included.

    :param fractional: fractional coordinates, shape ``(n, 3)``; need not lie inside the cell.
    :param cell: lattice vectors as rows in Å.
    :param distance_A: distance in Å.
    :return: first and second index, image of the second ``(n_pairs, 3)``, distance in Å.

    Cost ``O(n² · images)``; meant for unit cells.
    """
    difference = fractional[None, :, :] - fractional[:, None, :]
    nearest = -np.rint(difference).astype(np.int64)
    reach = np.ceil(distance_A / cell_heights(cell) + 0.5).astype(np.int64)
    images = np.array(list(itertools.product(*(range(-n, n + 1) for n in reach))), dtype=np.int64)
    found: list[tuple[IntArray, IntArray, IntArray, FloatArray]] = []
    for image in images:
        translation = nearest + image
        length = np.linalg.norm((difference + translation) @ cell, axis=-1)
        first, second = np.nonzero(length <= distance_A)
        found.append((first, second, translation[first, second], length[first, second]))
    first, second, image, length = (np.concatenate(column) for column in zip(*found, strict=True))
    keep = (first != second) | (image != 0).any(axis=1)
    return first[keep], second[keep], image[keep], length[keep]


def merge_groups(network: SiteNetwork, supercell: Supercell) -> tuple[IntArray, tuple[str, ...]]:
    """Return for every supercell site the basin it belongs to, and the label of each basin.

    Site ``j`` of cell ``c`` has the number ``c * network.n_sites + j``. Without groups every site is its own basin and
    the numbers agree; a basin takes the label of its first site.
    """
    n_total = supercell.n_cells * network.n_sites
    rows: list[IntArray] = []
    for first, second, distance in network.groups:
        pairs = network.pairs_within(distance)
        labels = np.array(network.labels)
        ends = np.stack([labels[pairs[:, 0]], labels[pairs[:, 1]]])
        chosen = ((ends[0] == first) & (ends[1] == second)) | ((ends[0] == second) & (ends[1] == first))
        rows.append(_spread(pairs[chosen], network.n_sites, supercell))
    site_labels = np.tile(np.array(network.labels), supercell.n_cells)
    if not rows:
        return np.arange(n_total), tuple(site_labels.tolist())
    links = np.concatenate(rows)
    basins = connected(links[:, 0], links[:, 1], n_total)
    _, first_site, renumbered = np.unique(basins, return_index=True, return_inverse=True)
    order = np.argsort(first_site)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[renumbered], tuple(site_labels[first_site[order]].tolist())


def basin_edges(network: SiteNetwork, supercell: Supercell, basins: IntArray) -> IntArray:
    """Return the directed edges between basins of a supercell as sorted unique rows, shape ``(n_edges, 2)``."""
    ends = basins[_spread(network.edges, network.n_sites, supercell)]
    ends = ends[ends[:, 0] != ends[:, 1]]
    if not len(ends):
        return np.empty((0, 2), dtype=np.int64)
    return np.unique(np.concatenate([ends, ends[:, ::-1]]), axis=0)


def reverse_mode(mode: str) -> str:
    """Return the mode run backwards, ``C-B-A`` of ``A-B-C``."""
    return "-".join(reversed(mode.split("-")))


def canonical_mode(first: str, middle: str, last: str, named: tuple[str, ...] = ()) -> str:
    """Return the class of a path: as the site model names it, else the lexicographically smaller direction."""
    forward, backward = f"{first}-{middle}-{last}", f"{last}-{middle}-{first}"
    if forward in named:
        return forward
    return backward if backward in named else min(forward, backward)


def order_modes(modes: set[str], named: tuple[str, ...]) -> list[str]:
    """Return the named modes in their own order, then all others sorted."""
    return [*named, *sorted(modes - set(named))]


def _is_positive(image: IntArray) -> NDArray[np.bool_]:
    """Return whether the first nonzero component is positive: one of the two directions of a pair of images."""
    x, y, z = image.T
    return (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))


def _spread(pairs: IntArray, n_sites: int, supercell: Supercell) -> IntArray:
    """Return the pairs of a unit cell in every cell of the supercell, by supercell site number."""
    home = np.arange(supercell.n_cells)
    away = supercell.cell_index(supercell.translations[:, None, :] + pairs[None, :, 2:])
    first = home[:, None] * n_sites + pairs[None, :, 0]
    second = away * n_sites + pairs[None, :, 1]
    return np.column_stack([first.ravel(), second.ravel()])


def _count_paths(edges: IntArray, labels: tuple[str, ...], named: tuple[str, ...]) -> dict[str, int]:
    neighbours: list[list[str]] = [[] for _ in labels]
    for first, second in edges.tolist():
        neighbours[first].append(labels[second])
    counts = dict.fromkeys(named, 0)
    for middle, ends in enumerate(neighbours):
        for first, last in itertools.combinations(ends, 2):
            mode = canonical_mode(first, labels[middle], last, named)
            counts[mode] = counts.get(mode, 0) + 1
    return {mode: counts[mode] for mode in order_modes(set(counts), named)}

"""Figures of the carriers' density: projections along the axes of the cell and sections through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, Normalize, PowerNorm
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import ndimage

from aiida_concerted.analysis.density import DensityMap
from aiida_concerted.plotting.style import colour_of, marker_of

FloatArray = NDArray[np.float64]

COLOUR_MAP = LinearSegmentedColormap.from_list(
    "white-magma", ["white", *matplotlib.colormaps["magma_r"](np.linspace(0.12, 1.0, 24))]
)
AXIS_NAMES = ("a", "b", "c")
SECTION_POINTS = 160
SECTION_DEPTH_A = 0.5
"""Sites this close to a section, in Å, are marked in it."""

PROJECTED_LABEL = "projected density (Å$^{-2}$)"
SECTION_LABEL = "density (Å$^{-3}$)"


@dataclass(frozen=True)
class Projection:
    """A density integrated along one axis of its cell, seen along that axis.

    :param along: number of that axis, 0 to 2.
    :param edges_A: the other two lattice vectors as they appear in the plane, the first along x, shape ``(2, 2)``.
    :param values_A2: integral in Å⁻² of each column of voxels, shape ``(n_1, n_2)``.
    """

    along: int
    edges_A: FloatArray
    values_A2: FloatArray

    @property
    def axes(self) -> tuple[int, int]:
        """Return the numbers of the axes that span the plane."""
        first, second = (axis for axis in range(3) if axis != self.along)
        return first, second

    @property
    def places_A(self) -> FloatArray:
        """Return where each column of voxels is in the plane in Å, shape ``(n_1, n_2, 2)``."""
        n_1, n_2 = self.values_A2.shape
        fractions = np.stack(np.meshgrid(np.arange(n_1) / n_1, np.arange(n_2) / n_2, indexing="ij"), axis=-1)
        return np.asarray(fractions @ self.edges_A)


def project(density: DensityMap, along: int) -> Projection:
    """Return a density integrated along an axis of its cell; the integral over the plane is the number of carriers.

    :param along: 0, 1 or 2 for a, b or c.
    :raises ValueError: for another axis.
    """
    if along not in (0, 1, 2):
        raise ValueError(f"a density is projected along axis 0, 1 or 2, got {along}")
    vector = density.cell[along]
    length = float(np.linalg.norm(vector))
    others = density.cell[[axis for axis in range(3) if axis != along]]
    across = others - np.outer(others @ vector, vector) / length**2
    return Projection(along, _in_plane(across), density.density.mean(axis=along) * length)


def plot_density_projection(
    axes: Axes,
    projection: Projection,
    *,
    sites: Mapping[str, FloatArray] | None = None,
    norm: Normalize | None = None,
) -> Axes:
    """Return the axes with a projected density, dark where carriers are, and the sites as open symbols.

    The colours follow the square root, so that paths between sites are seen beside the sites.

    :param sites: fractional coordinates by label, shape ``(n, 3)`` each.
    :param norm: scale of the colours, to share it between figures.
    """
    first, second = projection.axes
    wrapped = np.pad(projection.values_A2, ((0, 1), (0, 1)), mode="wrap")
    fractions = np.stack(
        np.meshgrid(*(np.arange(n + 1) / n for n in projection.values_A2.shape), indexing="ij"), axis=-1
    )
    _draw_map(axes, fractions @ projection.edges_A, wrapped, norm)
    for index, (label, fractional) in enumerate((sites or {}).items()):
        inside = _with_copies_on_the_border(np.asarray(fractional)[:, [first, second]] % 1.0)
        _mark(axes, inside @ projection.edges_A, label, index)
    axes.set_xlabel(f"along {AXIS_NAMES[first]} (Å)")
    skewed = abs(projection.edges_A[1, 0]) > 1e-3 * abs(projection.edges_A[1, 1])
    axes.set_ylabel(f"{'across' if skewed else 'along'} {AXIS_NAMES[first if skewed else second]} (Å)")
    return axes


def plot_density_section(
    axes: Axes,
    density: DensityMap,
    *,
    origin: tuple[float, float, float],
    first: tuple[float, float, float],
    second: tuple[float, float, float],
    sites: Mapping[str, FloatArray] | None = None,
    norm: Normalize | None = None,
) -> Axes:
    """Return the axes with the density on a plane through the cell, interpolated between voxels.

    The plane (110) of a tetragonal cell, for instance, has the origin ``(0, 0, 0)`` and the vectors ``(1, 1, 0)`` and
    ``(0, 0, 1)``.

    :param origin: fractional coordinates of the lower left corner.
    :param first: fractional vector to the lower right corner.
    :param second: fractional vector to the upper left corner.
    :param sites: fractional coordinates by label; those within half an Å of the plane are marked.
    :param norm: scale of the colours.
    :raises ValueError: if the two vectors do not span a plane.
    """
    spanned = np.array([first, second], dtype=np.float64)
    vectors = spanned @ density.cell
    if np.linalg.norm(np.cross(*vectors)) < 1e-6:
        raise ValueError(f"the vectors {first} and {second} do not span a plane")
    steps = np.linspace(0.0, 1.0, SECTION_POINTS)
    fractions = np.stack(np.meshgrid(steps, steps, indexing="ij"), axis=-1)
    places = (np.asarray(origin) + fractions @ spanned) * np.array(density.density.shape)
    values = ndimage.map_coordinates(density.density, np.moveaxis(places, -1, 0), order=1, mode="grid-wrap")
    edges = _in_plane(vectors)
    _draw_map(axes, fractions @ edges, values, norm)
    for index, (label, fractional) in enumerate((sites or {}).items()):
        near = _within_section(np.asarray(fractional), np.asarray(origin), spanned, density.cell)
        _mark(axes, near @ edges, label, index)
    axes.set_xlabel(f"along {_direction(first)} (Å)")
    axes.set_ylabel(f"along {_direction(second)} (Å)")
    return axes


def density_norm(*values: FloatArray) -> Normalize:
    """Return a scale of colours from zero to the largest of some densities, by square root."""
    top = max((float(np.max(value)) for value in values if np.size(value)), default=0.0)
    return PowerNorm(0.5, vmin=0.0, vmax=top or 1.0)


def density_mesh(axes: Axes) -> QuadMesh:
    """Return the coloured map of an axes, for its colour bar.

    :raises ValueError: if there is none.
    """
    for artist in axes.collections:
        if isinstance(artist, QuadMesh):
            return artist
    raise ValueError("this axes holds no density")


def _draw_map(axes: Axes, places: FloatArray, values: FloatArray, norm: Normalize | None) -> None:
    # Pixels inside vector graphics: thousands of triangles would make files that no viewer likes.
    axes.pcolormesh(
        places[..., 0], places[..., 1], values, cmap=COLOUR_MAP, norm=norm or density_norm(values),
        shading="gouraud", rasterized=True,
    )  # fmt: skip
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))


def _mark(axes: Axes, places: FloatArray, label: str, index: int) -> None:
    outline = [patheffects.withStroke(linewidth=1.8, foreground="white")]
    axes.plot(
        places[:, 0], places[:, 1], marker_of(index), mfc="none", mec=colour_of(index), mew=0.8, ms=4, label=label,
        clip_on=False, path_effects=outline, zorder=4,
    )  # fmt: skip


def _in_plane(vectors: FloatArray) -> FloatArray:
    """Return two vectors in the axes of their plane, the first along x."""
    x = vectors[0] / np.linalg.norm(vectors[0])
    rest = vectors[1] - (vectors[1] @ x) * x
    return np.array([[float(vectors[0] @ x), 0.0], [float(vectors[1] @ x), float(np.linalg.norm(rest))]])


def _with_copies_on_the_border(fractions: FloatArray) -> FloatArray:
    """Return points of the plane with the copies of those on its left and lower border on the opposite ones."""
    tolerance = 1e-3
    fractions = np.where(fractions > 1.0 - tolerance, 0.0, fractions)
    found = [fractions]
    for axis in (0, 1):
        known = np.concatenate(found)
        on_border = known[known[:, axis] < tolerance]
        found.append(on_border + np.eye(2)[axis])
    return np.unique(np.round(np.concatenate(found), 6), axis=0)


def _within_section(fractional: FloatArray, origin: FloatArray, spanned: FloatArray, cell: FloatArray) -> FloatArray:
    """Return the coordinates, in units of the spanning vectors, of the sites' copies near the section."""
    reach = range(-2, 3)
    copies = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    places = ((fractional[:, None] + copies[None]).reshape(-1, 3) - origin) @ cell
    vectors = spanned @ cell
    normal = np.cross(*vectors)
    distance = np.abs(places @ normal) / np.linalg.norm(normal)
    coordinates = np.linalg.lstsq(vectors.T, places.T, rcond=None)[0].T
    inside = ((coordinates > -1e-3) & (coordinates < 1.0 + 1e-3)).all(axis=1)
    return np.asarray(coordinates[inside & (distance <= SECTION_DEPTH_A)])


def _direction(vector: tuple[float, float, float]) -> str:
    """Return a direction of the lattice in brackets; short names for the axes of the cell."""
    for index, name in enumerate(AXIS_NAMES):
        if np.allclose(vector, np.eye(3)[index]):
            return name
    return "[" + " ".join(f"{x:g}" for x in vector) + "]"

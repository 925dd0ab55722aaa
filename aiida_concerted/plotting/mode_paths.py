"""Figure of a concerted mode: the sites A, B and C of one path in the plane that they span."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from numpy.typing import NDArray

from aiida_concerted.analysis.sites import SiteNetwork, neighbour_pairs
from aiida_concerted.plotting.style import REFERENCE_COLOUR, colour_of, marker_of
from aiida_concerted.plotting.temperature_axis import say_empty

FloatArray = NDArray[np.float64]

NEAR_PLANE_A = 0.8
"""Atoms and sites this close to the plane, in Å, are drawn in it."""

REACH_A = 4.6
STRAIGHT = 0.1
"""Sine of the angle at B below which A, B and C do not span a plane by themselves."""


@dataclass(frozen=True)
class ModePath:
    """One path of a mode in the crystal.

    :param labels: labels of A, B and C.
    :param positions: their places in Å relative to B, shape ``(3, 3)``.
    :param middle: number of the site B in the network.
    """

    labels: tuple[str, str, str]
    positions: FloatArray
    middle: int

    @property
    def lengths_A(self) -> tuple[float, float]:
        """Return the distances A–B and B–C in Å."""
        first, second = np.linalg.norm(self.positions[[0, 2]], axis=1)
        return float(first), float(second)

    @property
    def angle_deg(self) -> float:
        """Return the angle at B in degrees."""
        first, second = self.lengths_A
        return float(np.degrees(np.arccos(np.clip(self.positions[0] @ self.positions[2] / (first * second), -1, 1))))


def shortest_path(network: SiteNetwork, mode: str) -> ModePath | None:
    """Return the path of a class with the shortest hops, ``None`` where the network has none.

    :param mode: labels ``A-B-C``.
    """
    wanted = tuple(mode.split("-"))
    first, second, image, length = neighbour_pairs(network.fractional, network.cell, network.max_edge_A)
    steps = (network.fractional[second] + image - network.fractional[first]) @ network.cell
    found: list[tuple[float, int, FloatArray]] = []
    for middle in range(network.n_sites):
        if network.labels[middle] != wanted[1]:
            continue
        near = np.flatnonzero(first == middle)
        begins = [i for i in near if network.labels[second[i]] == wanted[0]]
        ends = [i for i in near if network.labels[second[i]] == wanted[2]]
        pairs = [(i, j) for i in begins for j in ends if np.linalg.norm(steps[i] - steps[j]) > 1e-3]
        found += [
            (round(float(length[i] + length[j]), 4), middle, np.array([steps[i], np.zeros(3), steps[j]]))
            for i, j in pairs
        ]
    if not found:
        return None
    _, middle, positions = min(found, key=lambda item: item[:2])
    return ModePath((wanted[0], wanted[1], wanted[2]), positions, middle)


def plot_mode_path(axes: Axes, network: SiteNetwork, mode: str) -> Axes:
    """Return the axes with a path of a mode: filled symbols and arrows for A, B and C, what else lies in their plane.

    Hollow symbols are other sites, grey letters framework atoms. The axis c points up where the plane allows.
    """
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(mode.replace("-", "–"))
    path = shortest_path(network, mode)
    if path is None:
        say_empty(axes, "no such path")
        return axes
    across, up, normal = _plane(path.positions, network.cell)
    drawn = np.column_stack([path.positions @ across, path.positions @ up])
    colours = {label: index for index, label in enumerate(network.counts)}
    _surroundings(axes, network, path, (across, up, normal), colours)
    for place, end in pairwise(drawn):
        arrow = {"arrowstyle": "-|>", "lw": 1.3, "color": "black", "shrinkA": 4, "shrinkB": 4, "mutation_scale": 9}
        axes.annotate("", xy=end, xytext=place, arrowprops=arrow, zorder=5)
    outline = [patheffects.withStroke(linewidth=2.0, foreground="white")]
    side = _beside(drawn)
    for place, label in zip(drawn, path.labels, strict=True):
        index = colours[label]
        axes.plot(*place, marker_of(index), color=colour_of(index), ms=7, zorder=4, label=f"_{label}")
        axes.annotate(
            label, place, xytext=tuple(13.0 * side), textcoords="offset points", ha="center", va="center", fontsize=7.5,
            zorder=6, path_effects=outline,
        )  # fmt: skip
    first, second = path.lengths_A
    axes.set_xlabel(f"{first:.2f} Å, {second:.2f} Å; {path.angle_deg:.0f}°")
    half = REACH_A - 0.4
    axes.set_xlim(-half, half)
    axes.set_ylim(-half, half)
    return axes


def _beside(drawn: FloatArray) -> FloatArray:
    """Return the direction in the drawing in which names stand clear of the path: outside of its bend."""
    along = _unit(drawn[2] - drawn[0])
    across = np.array([-along[1], along[0]])
    outside = drawn[1] - (drawn[0] + drawn[2]) / 2.0
    return across if outside @ across >= 0 else -across


def _plane(positions: FloatArray, cell: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return unit vectors to the right, up and out of the plane of A, B and C, the axis c up where it can be."""
    begin, _, end = positions
    normal = np.cross(begin, end)
    if np.linalg.norm(normal) < STRAIGHT * np.linalg.norm(begin) * np.linalg.norm(end):
        # A straight path spans no plane: take the one that also holds c, or b where the path runs along c.
        chain = (end - begin) / np.linalg.norm(end - begin)
        other = max((cell[2], cell[0] + cell[1]), key=lambda axis: float(np.linalg.norm(np.cross(chain, _unit(axis)))))
        normal = np.cross(chain, other)
    normal = _unit(normal)
    candidates = [axis - (axis @ normal) * normal for axis in (_unit(cell[2]), _unit(cell[1]), _unit(cell[0]))]
    up = _unit(next(axis for axis in candidates if np.linalg.norm(axis) > 0.3))
    return np.cross(up, normal), up, normal


def _unit(vector: FloatArray) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))


def _surroundings(
    axes: Axes,
    network: SiteNetwork,
    path: ModePath,
    plane: tuple[FloatArray, FloatArray, FloatArray],
    colours: dict[str, int],
) -> None:
    across, up, normal = plane
    origin = network.fractional[path.middle]
    for index, place in _near(network.fractional, origin, network.cell, normal):
        if np.linalg.norm(path.positions - place, axis=1).min() < 0.1:
            continue
        label = network.labels[index]
        axes.plot(
            place @ across, place @ up, marker_of(colours[label]), mfc="white", mec=colour_of(colours[label]), mew=0.9,
            ms=5, zorder=3, label=f"_{label}",
        )  # fmt: skip
    for index, place in _near(network.framework_fractional, origin, network.cell, normal):
        elements = "/".join(network.framework_elements[index])
        axes.text(
            float(place @ across), float(place @ up), elements, color=REFERENCE_COLOUR, fontsize=7, ha="center",
            va="center", clip_on=True, zorder=2,
        )  # fmt: skip


def _near(
    fractional: FloatArray, origin: FloatArray, cell: FloatArray, normal: FloatArray
) -> list[tuple[int, FloatArray]]:
    """Return number and place relative to the origin of all points near the plane, images included."""
    if not len(fractional):
        return []
    reach = np.arange(-2, 3)
    images = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    places = (fractional[:, None] + images[None] - origin) @ cell
    chosen = (np.abs(places @ normal) < NEAR_PLANE_A) & (np.linalg.norm(places, axis=-1) < REACH_A * 1.4)
    return [(int(index), places[index, image]) for index, image in np.argwhere(chosen)]

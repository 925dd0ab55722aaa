from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.analysis.density import DensityMap
from aiida_concerted.plotting.densities import (
    density_mesh,
    density_norm,
    plot_density_projection,
    plot_density_section,
    project,
)
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from tests.plotting.drawn import has_unit

SKEWED = np.array([[6.0, 0.0, 0.0], [-2.0, 5.0, 0.0], [0.5, 0.4, 7.0]])


@pytest.fixture
def axes():
    with publication_style():
        yield new_figure()[1]


def density(cell=SKEWED, shape=(6, 8, 10), seed=1):
    values = np.random.default_rng(seed).random(shape)
    return DensityMap(cell, values, np.zeros(shape))


@pytest.mark.parametrize("along", [0, 1, 2])
def test_the_integral_over_the_plane_is_the_number_of_carriers(along):
    grid = density()
    projection = project(grid, along)
    area = abs(np.linalg.det(projection.edges_A))

    assert projection.values_A2.mean() * area == pytest.approx(grid.n_carriers)


def test_a_projection_is_the_sum_of_voxels_along_the_axis():
    grid = density()
    step = np.linalg.norm(SKEWED[1]) / 8

    np.testing.assert_allclose(project(grid, 1).values_A2, grid.density.sum(axis=1) * step)


def test_the_plane_shows_distances_as_they_are_seen_along_the_axis():
    projection = project(density(), 2)
    direction = SKEWED[2] / np.linalg.norm(SKEWED[2])
    seen = SKEWED[:2] - np.outer(SKEWED[:2] @ direction, direction)

    np.testing.assert_allclose(projection.edges_A @ projection.edges_A.T, seen @ seen.T, atol=1e-12)
    assert projection.edges_A[0, 1] == 0.0


def test_a_projection_is_drawn_over_the_whole_cell_with_the_first_voxels_again_at_the_end(axes):
    grid = density(np.diag([6.0, 8.0, 10.0]))
    projection = project(grid, 2)
    plot_density_projection(axes, projection)

    mesh = density_mesh(axes)
    places = mesh.get_coordinates()
    assert places.shape == (7, 9, 2)
    np.testing.assert_allclose(places[-1, -1], [6.0, 8.0])
    values = np.asarray(mesh.get_array()).reshape(7, 9)
    np.testing.assert_allclose(values[:-1, :-1], projection.values_A2)
    np.testing.assert_allclose(values[-1], values[0])
    assert axes.get_aspect() == 1.0
    assert axes.get_xlabel() == "along a (Å)"
    assert axes.get_ylabel() == "along b (Å)"


def test_sites_are_marked_where_they_are_and_again_on_the_opposite_border(axes):
    grid = density(np.diag([6.0, 8.0, 10.0]))
    plot_density_projection(axes, project(grid, 1), sites={"Li1": np.array([[0.5, 0.1, 0.25], [0.0, 0.3, 0.0]])})

    (line,) = [item for item in axes.lines if item.get_label() == "Li1"]
    assert sorted(map(tuple, np.round(line.get_xydata(), 6))) == [(0, 0), (0, 10), (3, 2.5), (6, 0), (6, 10)]


def test_a_section_passes_through_what_lies_on_it(axes):
    values = np.zeros((8, 8, 8))
    values[4, 4, 2] = 2.0
    grid = DensityMap(np.diag([8.0, 8.0, 8.0]), values, values)
    sites = {"on": np.array([[0.5, 0.5, 0.25]]), "off": np.array([[0.5, 0.0, 0.25]])}
    plot_density_section(axes, grid, origin=(0, 0, 0), first=(1, 1, 0), second=(0, 0, 1), sites=sites)

    mesh = density_mesh(axes)
    drawn = np.asarray(mesh.get_array()).reshape(mesh.get_coordinates().shape[:2])
    peak = mesh.get_coordinates()[np.unravel_index(drawn.argmax(), drawn.shape)]
    np.testing.assert_allclose(peak, [4 * np.sqrt(2), 2.0], atol=0.1)
    assert drawn.max() == pytest.approx(2.0, rel=0.1)
    marked = {line.get_label(): line.get_xydata() for line in axes.lines}
    np.testing.assert_allclose(marked["on"], [[4 * np.sqrt(2), 2.0]])
    assert len(marked["off"]) == 0
    assert axes.get_xlabel() == "along [1 1 0] (Å)"
    assert has_unit(axes.get_ylabel())


def test_a_section_along_the_grid_is_the_grid(axes):
    grid = density(np.diag([6.0, 8.0, 10.0]), shape=(4, 160, 160))
    last = 159 / 160
    plot_density_section(axes, grid, origin=(0.25, 0, 0), first=(0, last, 0), second=(0, 0, last))

    np.testing.assert_allclose(np.asarray(density_mesh(axes).get_array()).reshape(160, 160), grid.density[1], rtol=1e-6)


def test_an_empty_density_is_drawn_white(axes):
    empty = DensityMap(SKEWED, np.zeros((3, 3, 3)), np.zeros((3, 3, 3)))
    plot_density_projection(axes, project(empty, 0))

    assert density_mesh(axes).norm.vmax == 1.0
    assert figure_bytes(axes.figure, "png")


def test_colours_can_be_shared():
    norm = density_norm(np.array([1.0, 4.0]), np.array([2.0]))

    assert (norm.vmin, norm.vmax) == (0.0, 4.0)
    assert norm(1.0) == pytest.approx(0.5)


def test_what_cannot_be_drawn_is_refused(axes):
    with pytest.raises(ValueError, match="axis 0, 1 or 2"):
        project(density(), 3)
    with pytest.raises(ValueError, match="do not span a plane"):
        plot_density_section(axes, density(), origin=(0, 0, 0), first=(1, 1, 0), second=(2, 2, 0))
    with pytest.raises(ValueError, match="no density"):
        density_mesh(axes)

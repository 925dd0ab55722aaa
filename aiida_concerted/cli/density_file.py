"""The density of the carriers as a file for VESTA and its like, with the framework about it."""

from __future__ import annotations

from pathlib import Path

from aiida_concerted.analysis.density import DensityMap, symmetrised
from aiida_concerted.analysis.framework import framework_average
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.analysis.whole_run import RunAnalysis
from aiida_concerted.common.files import write_at_once
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.formats.chgcar import chgcar_lines
from aiida_concerted.formats.cube import cube_lines
from aiida_concerted.formats.density_grid import DensityGrid, folded_atoms
from aiida_concerted.materials.symmetry import network_operations


def write_density(
    path: Path, analysis: RunAnalysis, trajectory: Trajectory, *, symmetry_of: SiteNetwork | None = None
) -> None:
    """Write the density of a run: a cube file where the name ends in ``.cube``, a CHGCAR otherwise.

    :param analysis: the analysis with its density.
    :param symmetry_of: sites over whose symmetry the density is averaged.
    :raises ValueError: if the analysis has no density, or the symmetry does not take its grid onto itself.
    """
    if analysis.density is None:
        raise ValueError("this analysis has no density to write")
    density: DensityMap = analysis.density
    if symmetry_of is not None:
        density = symmetrised(density, *network_operations(symmetry_of))
    average = framework_average(trajectory)
    species: tuple[str, ...] = ()
    positions = density.cell[:0]
    if average is not None:
        x, y, z = (0.0, 0.0, 0.0) if analysis.sites is None else analysis.sites.placed.origin_shift.tolist()
        species, positions = folded_atoms(trajectory.framework_species, average, density.cell, origin_shift=(x, y, z))
    grid = DensityGrid(density.cell, density.density, species, positions)
    lines = cube_lines if path.suffix.lower() == ".cube" else chgcar_lines
    write_at_once(path, "".join(lines(grid, f"{trajectory.carrier} density")))

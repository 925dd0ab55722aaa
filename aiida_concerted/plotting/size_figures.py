"""The figures of one material in cells of several sizes, from the JSON form of their comparison.

============================  ======================================================
``diffusivity_by_cell_size``  diffusivity over the number of atoms in the cell
``anisotropy_by_cell_size``   share of the ab plane over the number of atoms
============================  ======================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_concerted.plotting.files import FORMATS, DrawnFigure
from aiida_concerted.plotting.run_transport import CellSizes, plot_cell_sizes
from aiida_concerted.plotting.style import new_figure, publication_style

KINDS = {
    "diffusivity": ("diffusivity_by_cell_size", None),
    "ab_share": ("anisotropy_by_cell_size", "share of the ab plane"),
}


def plot_sizes(content: Mapping[str, Any], folder: str | Path, *, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Return the files of the figures of a comparison of cell sizes, in a folder made where it is missing.

    :param content: the JSON form (schema ``aiida-concerted/sizes/1``).
    :param folder: where to write; files of these names are replaced.
    :param formats: of ``pdf``, ``png`` and ``svg`` those to write; the numbers are written as CSV beside them.
    :raises OSError: if the folder cannot be made or written to.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    return [path for figure in size_figures(content) for path in figure.write(place, formats)]


def size_figures(content: Mapping[str, Any]) -> list[DrawnFigure]:
    """Return the figures of a comparison; a quantity that it lacks has none."""
    names = {cell["n_atoms"]: _name(cell) for cell in content["cells"]}
    with publication_style():
        return [_figure(content[key], names, *KINDS[key]) for key in KINDS if key in content]


def _figure(test: Mapping[str, Any], names: Mapping[int, str], name: str, label: str | None) -> DrawnFigure:
    rows = [(point["n_atoms"], point["value"], point["stderr"]) for point in test["points"]]
    n_atoms, value, stderr = np.array(rows, dtype=np.float64).T
    sizes = CellSizes(n_atoms, value, stderr, names=tuple(names.get(row[0], "") for row in rows))
    figure, axes = new_figure()
    plot_cell_sizes(axes, sizes, label=label)
    return DrawnFigure.of(name, figure, ("n_atoms", "value", "stderr"), rows)


def _name(cell: Mapping[str, Any]) -> str:
    supercell = np.array(cell.get("supercell", []))
    if supercell.shape == (3, 3) and not np.any(supercell - np.diag(np.diag(supercell))):
        supercell = np.diag(supercell)
    return "×".join(str(count) for count in supercell) if supercell.shape == (3,) else ""

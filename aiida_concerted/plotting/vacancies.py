"""Figure of vacancy formation energies, site by site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from aiida_concerted.plotting.style import REFERENCE_COLOUR, colour_of, marker_of
from aiida_concerted.plotting.temperature_axis import say_empty


def plot_vacancy_energies(
    axes: Axes,
    energies_eV: Mapping[str, Sequence[float]],
    *,
    multiplicities: Mapping[str, Sequence[float]] | None = None,
    references_eV: Mapping[str, float] | None = None,
) -> Axes:
    """Return the axes with the formation energy in eV of every site, its mean and spread by label.

    :param energies_eV: energies of the inequivalent sites by label; a label without any is named and left empty.
    :param multiplicities: how many sites each energy stands for, by label; one each when not given.
    :param references_eV: published means by label.
    """
    labels = sorted(energies_eV)  # results name them as they come in the structure
    references = references_eV or {}
    for index, label in enumerate(labels):
        values = np.asarray(energies_eV[label], dtype=np.float64)
        if len(values):
            offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
            axes.plot(index + offsets, values, marker_of(index), color=colour_of(index), label=f"_{label}")
            weights = np.asarray((multiplicities or {}).get(label, np.ones(len(values))), dtype=np.float64)
            mean = float(np.average(values, weights=weights))
            axes.hlines(mean, index - 0.25, index + 0.25, color=colour_of(index), lw=1.4)
        if len(values) > 1:
            spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
            axes.errorbar(index + 0.25, mean, yerr=spread, color=colour_of(index), fmt="none")
        if label in references:
            axes.plot(
                index - 0.32, references[label], "*", color=REFERENCE_COLOUR, mfc="white", ms=9, label="_published"
            )
    axes.set_xticks(range(len(labels)), [f"{label}\n(n = {len(energies_eV[label])})" for label in labels])
    axes.set_xlim(-0.6, max(len(labels), 1) - 0.4)
    axes.margins(y=0.2)
    axes.set_ylabel("formation energy (eV)")
    if references.keys() & set(labels):
        (star,) = axes.plot([], [], "*", color=REFERENCE_COLOUR, mfc="white", ms=9, label="published")
        axes.legend(handles=[star], loc="best")
    if not any(len(values) for values in energies_eV.values()):
        say_empty(axes, "no vacancy energies")
    return axes

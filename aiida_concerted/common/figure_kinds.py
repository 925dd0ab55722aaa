"""The figures there are, by name: one list for the command ``plot``, the report, the reference, the files of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class FigureKind:
    """One kind of figure.

    :param name: the word that asks for it.
    :param shows: what is to be seen, in a few words.
    :param of: what it is drawn for, in words: a study or results by themselves.
    :param paper: the figure of Fu et al. (2022) that shows the same.
    :param file: the name that it has among the files of one run's analysis.
    """

    name: str
    shows: str
    of: tuple[str, ...] = ("study",)
    paper: str = ""
    file: str = ""


_ALL = (
    FigureKind("arrhenius", "diffusivity over inverse temperature with its fit", ("study", "fit"), "Fig. 1a"),
    FigureKind("msd", "mean squared displacement over the lag", ("study", "diffusivity"), file="msd"),
    FigureKind("anisotropy", "share of the ab plane in the diffusivity", ("study", "diffusivity"), "Fig. 1b"),
    FigureKind("haven", "tracer over charge diffusivity", ("study", "diffusivity")),
    FigureKind("sampling", "effective number of hops behind each diffusivity", ("study", "diffusivity"), "Fig. S5"),
    FigureKind("size-msd", "mean squared displacement in cells of several sizes", paper="Fig. S3"),
    FigureKind("size-diffusivity", "diffusivity over the size of the cell", paper="Fig. S4a"),
    FigureKind("size-anisotropy", "share of the ab plane over the size of the cell", paper="Fig. S4b"),
    FigureKind("modes", "frequencies of the concerted modes", ("study", "modes"), "Fig. 2f", "modes"),
    FigureKind("mode-paths", "the modes as paths in the crystal", ("study", "modes"), "Fig. 2e"),
    FigureKind("lags", "lags between the two hops of each mode", ("study", "modes"), file="lag_histogram"),
    FigureKind("event", "one concerted event, the way of both carriers", ("study", "modes"), "Movies S1, S2"),
    FigureKind(
        "density", "density of the carriers along the axes of the cell", ("study", "history", "trajectory"),
        "Figs. 1c, 1d, S6", "density",
    ),
    FigureKind("occupancy", "occupancy by site label", ("study", "statistics"), "Fig. 3c", "sites_occupancy"),
    FigureKind("residence", "residence time by site label", ("study", "statistics"), "Fig. 3b", "residence"),
    FigureKind("site-occupancy", "occupancy of every single site", ("study", "history"), "Fig. 2b"),
    FigureKind("raster", "which site is held when", ("study", "history"), "Figs. 2c, 2d, S9", "site_raster"),
    FigureKind("rdf", "radial distribution function of a pair", ("study", "trajectory"), "Fig. S7", "rdf"),
    FigureKind(
        "van-hove-distinct", "distinct part of the van Hove function", ("study", "trajectory"), "Fig. S8",
        "van_hove_distinct",
    ),
    FigureKind("van-hove-self", "self part of the van Hove function", ("study", "trajectory"), "Fig. S8",
               "van_hove_self"),
    FigureKind("vacancy", "vacancy formation energies", ("study", "vacancy"), "Fig. 3d"),
    FigureKind("committee", "deviation of the committee in every run of every turn"),
    FigureKind("committee-time", "deviation of the committee over time, last turn"),
    FigureKind("selection", "accurate, candidate and failed frames of every exploration"),
    FigureKind("learning-curves", "force error over the training", ("study", "training")),
    FigureKind("parity-energy", "predicted against reference energies", ("study", "training"), "Fig. S1"),
    FigureKind("parity-force", "predicted against reference forces", ("study", "training"), "Fig. S1"),
    FigureKind("provenance", "the steps that were taken"),
)  # fmt: skip

FIGURE_KINDS: dict[str, FigureKind] = {kind.name: kind for kind in _ALL}
"""Every kind by name, in the order of the report."""


OTHER_WORDS = {"diffusivity": "msd"}
"""Words that people say for a kind: what is drawn of a diffusivity is the displacement that it was fitted to."""


def kind_named(word: str) -> FigureKind | None:
    """Return the kind of this name, or of this name among the files of a run; ``None`` where there is none."""
    word = OTHER_WORDS.get(word, word)
    return FIGURE_KINDS.get(word) or next((kind for kind in _ALL if word and word == kind.file), None)


def listed(kinds: Iterable[FigureKind] = _ALL) -> list[tuple[str, str, str, str]]:
    """Return name, what it shows, what it is drawn for and the paper's figure of each kind."""
    return [(kind.name, kind.shows, ", ".join(kind.of), kind.paper) for kind in kinds]

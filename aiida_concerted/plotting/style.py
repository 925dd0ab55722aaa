"""How figures look: the columns of a journal, colours that colour-blind readers tell apart, matplotlib's own fonts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Colour: TypeAlias = tuple[float, float, float, float]

COLUMN_WIDTH_INCH = {1: 3.5, 2: 7.2}
"""Width of figures that span one or two columns of a printed page."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C564B")
"""Okabe and Ito's colours, the darker ones first; they stay distinct with every common colour vision."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")

REFERENCE_COLOUR = "#4D4D4D"
ACCURATE, CANDIDATE, FAILED = "#009E73", "#E69F00", "#D55E00"

STYLE: Any = {
    "axes.formatter.useoffset": False,
    "axes.grid": False,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.7,
    "axes.titlesize": 9,
    "errorbar.capsize": 2,
    "figure.constrained_layout.use": True,
    "figure.dpi": 150,
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "hatch.linewidth": 0.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "mathtext.default": "regular",
    "svg.fonttype": "path",
    "svg.hashsalt": "aiida-concerted",
    "xtick.direction": "in",
    "xtick.labelsize": 8,
    "ytick.direction": "in",
    "ytick.labelsize": 8,
    "ytick.right": True,
}


@contextmanager
def publication_style() -> Iterator[None]:
    """Within this context figures are made, drawn and saved in the package's style; nothing outside it changes."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(columns: int = 1, *, height_ratio: float = 0.8) -> tuple[Figure, Axes]:
    """Return a figure with one axes, without any of pyplot's global state.

    :param columns: 1 or 2 columns of a page.
    :param height_ratio: height over width.
    :raises ValueError: if ``columns`` is neither 1 nor 2.
    """
    figure = _new_page(columns, height_ratio)
    return figure, figure.subplots()


def new_panels(
    columns: int = 2, *, width_ratios: Sequence[float], height_ratio: float = 0.4
) -> tuple[Figure, list[Axes]]:
    """Return a figure with several axes in a row.

    :param columns: 1 or 2 columns of a page.
    :param width_ratios: width of each axes, relative to the others.
    :param height_ratio: height over width of the whole.
    :raises ValueError: if ``columns`` is neither 1 nor 2.
    """
    figure = _new_page(columns, height_ratio)
    row = figure.subplots(1, len(width_ratios), width_ratios=list(width_ratios), squeeze=False)
    return figure, list(row[0])


def new_grid(n_axes: int, *, columns: int, panel_ratio: float = 0.8) -> tuple[Figure, list[Axes]]:
    """Return a figure of two columns of a page with ``n_axes`` axes of one size, filled row by row.

    :param columns: axes in a row.
    :param panel_ratio: height over width of an axes with its labels.
    """
    n_rows = -(-n_axes // columns)
    figure = _new_page(2, panel_ratio * n_rows / columns)
    grid = figure.subplots(n_rows, columns, squeeze=False).ravel()
    for spare in grid[n_axes:]:
        spare.remove()
    return figure, list(grid[:n_axes])


def _new_page(columns: int, height_ratio: float) -> Figure:
    if columns not in COLUMN_WIDTH_INCH:
        raise ValueError(f"a figure spans 1 or 2 columns, got {columns}")
    width = COLUMN_WIDTH_INCH[columns]
    return Figure(figsize=(width, width * height_ratio))


def figure_bytes(figure: Figure, file_format: str = "svg", *, dpi: int | None = None) -> bytes:
    """Return the figure as a file; the same figure gives the same bytes.

    :param file_format: ``svg``, ``png`` or ``pdf``.
    :param dpi: resolution of what is drawn as pixels; 200 in SVG and 300 elsewhere when not given.
    :raises ValueError: if matplotlib does not know the format.
    """
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(file_format, {})
    buffer = io.BytesIO()
    # What is drawn as pixels inside an SVG travels in web pages, where size counts more than print.
    resolution = dpi or (200 if file_format == "svg" else 300)
    figure.savefig(buffer, format=file_format, metadata=metadata, dpi=resolution)
    return buffer.getvalue()


def colour_of(index: int) -> str:
    """Return the categorical colour of an index; they repeat after eight."""
    return PALETTE[index % len(PALETTE)]


def marker_of(index: int) -> str:
    """Return the marker that goes with :func:`colour_of`, so that shape tells apart what colour does not."""
    return MARKERS[index % len(MARKERS)]


def temperature_colours(temperatures_K: Sequence[float]) -> dict[float, Colour]:
    """Return for each temperature a colour from cold and dark to hot and light, legible on white.

    :param temperatures_K: temperatures in K, in any order, repeated or not.
    """
    unique = sorted({float(value) for value in temperatures_K})
    colour_map = matplotlib.colormaps["plasma"]
    last = max(len(unique) - 1, 1)
    return {value: colour_map(0.05 + 0.75 * rank / last) for rank, value in enumerate(unique)}

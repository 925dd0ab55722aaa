"""How figures look: the columns of a journal, colours that colour-blind readers tell apart, matplotlib's own fonts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Colour: TypeAlias = tuple[float, float, float, float]

COLUMN_WIDTH_INCH = {1: 3.5, 2: 7.2}
"""Width of figures that span one or two columns of a printed page: 89 and 183 mm."""

TALLER_WHEN_WIDE = 1.25
"""A figure made for one column that is to span two grows by this in height; chosen: not four times as large."""

MOST_IN_A_NARROW_ROW = 2
"""Panels beside each other in one column."""

_COLUMNS: ContextVar[int | None] = ContextVar("columns", default=None)

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
def publication_style(columns: int | None = None) -> Iterator[None]:
    """Within this context figures are made, drawn and saved in the package's style; nothing outside it changes.

    :param columns: 1 or 2 columns of a page that figures made here span, whatever they were made for.
    :raises ValueError: if ``columns`` is neither 1 nor 2.
    """
    if columns is not None:
        _width_of(columns)
    token = _COLUMNS.set(columns)
    try:
        with matplotlib.rc_context(STYLE):
            yield
    finally:
        _COLUMNS.reset(token)


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

    In one column what was made for two stands below each other.

    :param columns: 1 or 2 columns of a page.
    :param width_ratios: width of each axes, relative to the others.
    :param height_ratio: height over width of the whole.
    :raises ValueError: if ``columns`` is neither 1 nor 2.
    """
    n_axes = len(width_ratios)
    if n_axes > 1 and columns == 2 and _COLUMNS.get() == 1:
        width, height = COLUMN_WIDTH_INCH[1], COLUMN_WIDTH_INCH[2] * height_ratio
        figure = Figure(figsize=(width, n_axes * min(height, width)))
        return figure, list(figure.subplots(n_axes, 1))
    figure = _new_page(columns, height_ratio)
    row = figure.subplots(1, len(width_ratios), width_ratios=list(width_ratios), squeeze=False)
    return figure, list(row[0])


def new_corner(width_ratios: Sequence[float], height_ratios: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """Return a figure of one column with three axes of equal scale: top left, and bottom left and right.

    :param width_ratios: width of the left and the right axes.
    :param height_ratios: height of the upper and the lower axes, in the same unit.
    """
    width = COLUMN_WIDTH_INCH[1]
    height = 0.75 * width * sum(height_ratios) / sum(width_ratios) + 1.0  # with labels and a legend
    figure = Figure(figsize=(width, height))
    grid = figure.subplots(2, 2, width_ratios=list(width_ratios), height_ratios=list(height_ratios))
    grid[0, 1].remove()
    return figure, [grid[0, 0], grid[1, 0], grid[1, 1]]


def is_narrow() -> bool:
    """Return whether figures made now are to span one column whatever they were made for."""
    return _COLUMNS.get() == 1


def new_grid(n_axes: int, *, columns: int, panel_ratio: float = 0.8) -> tuple[Figure, list[Axes]]:
    """Return a figure of two columns of a page with ``n_axes`` axes of one size, filled row by row.

    :param columns: axes in a row.
    :param panel_ratio: height over width of an axes with its labels.
    """
    pages = _COLUMNS.get() or 2
    columns = min(columns, MOST_IN_A_NARROW_ROW) if pages == 1 else columns
    n_rows = -(-n_axes // columns)
    width = _width_of(pages)
    figure = Figure(figsize=(width, width * panel_ratio * n_rows / columns))
    grid = figure.subplots(n_rows, columns, squeeze=False).ravel()
    for spare in grid[n_axes:]:
        spare.remove()
    return figure, list(grid[:n_axes])


def _new_page(columns: int, height_ratio: float) -> Figure:
    height = _width_of(columns) * height_ratio
    wanted = _COLUMNS.get() or columns
    return Figure(figsize=(_width_of(wanted), height * (TALLER_WHEN_WIDE if wanted > columns else 1.0)))


def _width_of(columns: int) -> float:
    if columns not in COLUMN_WIDTH_INCH:
        raise ValueError(f"a figure spans 1 or 2 columns, got {columns}")
    return COLUMN_WIDTH_INCH[columns]


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

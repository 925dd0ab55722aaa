"""Figure of one concerted event: two carriers on their ways from site to site."""

from __future__ import annotations

from matplotlib.axes import Axes

from aiida_concerted.analysis.concerted_event import ConcertedEvent
from aiida_concerted.plotting.style import REFERENCE_COLOUR, colour_of


def plot_event(axes: Axes, event: ConcertedEvent) -> Axes:
    """Return the axes with how far each of two carriers has come from its site to the next, over time.

    Zero is the site that it leaves, one the site that it goes to; dotted lines mark when its nearest site changes.
    """
    first, middle, last = event.labels
    for index, (begin, end) in enumerate(((first, middle), (middle, last))):
        axes.plot(
            event.time_ps, event.progress[:, index], color=colour_of(index), ls=("-", "--")[index],
            label=f"{begin} → {end}",
        )  # fmt: skip
        axes.axvline(event.hop_ps[index], color=colour_of(index), lw=0.8, ls=":", label="_hop")
    for level in (0.0, 1.0):
        axes.axhline(level, color=REFERENCE_COLOUR, lw=0.6, label="_site")
    axes.set_xlabel("time (ps)")
    axes.set_ylabel("way to the next site (fraction)")
    axes.set_xlim(event.time_ps[0], event.time_ps[-1])
    axes.legend(loc="best")
    return axes

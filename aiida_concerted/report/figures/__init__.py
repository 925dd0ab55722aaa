"""The figures of a report, each with its caption, its data and the nodes it came from."""

from aiida_concerted.report.figures.base import ReportFigure
from aiida_concerted.report.figures.collect import make_figures

__all__ = ["ReportFigure", "make_figures"]

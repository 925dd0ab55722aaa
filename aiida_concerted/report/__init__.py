"""The results of a study: one HTML file, tables in the terminal, rows for programs."""

from aiida_concerted.report.html import write_report
from aiida_concerted.report.summary import SummaryRow, summary_rows
from aiida_concerted.report.terminal import print_summary

__all__ = ["SummaryRow", "print_summary", "summary_rows", "write_report"]

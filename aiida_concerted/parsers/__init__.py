"""Parsers of the CalcJobs; mirrors calculations."""

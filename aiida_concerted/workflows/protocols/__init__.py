"""Protocols as data, and their loader."""

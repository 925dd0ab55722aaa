"""Protocols as data, and their loader."""

from aiida_concerted.workflows.protocols.loader import ProtocolError, ProtocolMixin

__all__ = ("ProtocolError", "ProtocolMixin")

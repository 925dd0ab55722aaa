"""Which format a trajectory file has, and the reader of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiida_concerted.formats.byte_stream import first_bytes
from aiida_concerted.formats.dcd_source import DcdSource
from aiida_concerted.formats.extxyz import ExtxyzSource
from aiida_concerted.formats.frame_source import FrameSource
from aiida_concerted.formats.h5md_source import open_h5md
from aiida_concerted.formats.lammps_dump_source import LammpsDumpSource
from aiida_concerted.formats.topology import Topology
from aiida_concerted.formats.vasprun_source import VasprunSource
from aiida_concerted.formats.xdatcar import XdatcarSource

FORMATS = ("h5md", "lammps-dump", "dcd", "xdatcar", "vasprun", "extxyz")


def detect_format(path: Path) -> str:
    """Return the format of a file by its first bytes, whatever its name.

    :raises ValueError: if the file cannot be read or is none of those known.
    """
    head = first_bytes(path)
    if head.startswith(b"\x89HDF\r\n"):
        return "h5md"
    if head[4:8] == b"CORD":
        return "dcd"
    text = head.decode("utf-8", errors="replace").lstrip()
    if text.startswith("ITEM:"):
        return "lammps-dump"
    if text.startswith(("<?xml", "<modeling")):
        return "vasprun"
    lines = text.splitlines()
    if lines and lines[0].strip().isdigit():
        return "extxyz"
    if any("configuration=" in line for line in lines[:12]):
        return "xdatcar"
    if not head:
        raise ValueError(f"{path} is empty: give a file with frames")
    raise ValueError(f"{path} has none of the known formats ({', '.join(FORMATS)}): give a trajectory, or its format")


def open_source(path: Path, kind: str, topology: Topology | None, h5md_group: str | None) -> FrameSource:
    """Return a reader of a file.

    :param kind: one of :data:`FORMATS`.
    :param topology: what names the elements where the file does not.
    :param h5md_group: particle group of an H5MD file with several.
    :raises ValueError: if the file is not of that format.
    """
    if kind == "h5md":
        return open_h5md(path, topology, h5md_group)
    if kind == "lammps-dump":
        return LammpsDumpSource(path, topology)
    if kind == "dcd":
        return DcdSource(path, topology)
    readers: dict[str, Callable[[Path], FrameSource]] = {
        "xdatcar": XdatcarSource,
        "vasprun": VasprunSource,
        "extxyz": ExtxyzSource,
    }
    return readers[kind](path)

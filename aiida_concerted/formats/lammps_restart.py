"""Binary restart files of LAMMPS: whether one is whole, and at which step it was written."""

from __future__ import annotations

import struct

MAGIC = b"LammpS RestartT\0"
"""What a file begins with, and ends with when all of it was written."""

END_OF_HEADER_FLAG = -1
TEXT_FLAGS = (0, 4)
"""Records of the header that hold text: version and units."""

STEP_FLAG = 5
INTEGER = struct.Struct("<i")
STEP = struct.Struct("<q")


def restart_step(content: bytes) -> int:
    """Return the step at which a restart file was written.

    The header is a row of records, each a flag and a value, as ``write_restart.cpp`` of LAMMPS writes them.

    :param content: the whole file.
    :raises ValueError: if the file is cut off, comes from a machine of another byte order, or names no step.
    """
    if len(content) < 2 * len(MAGIC) or not content.startswith(MAGIC):
        raise ValueError("it is no restart file of LAMMPS")
    if not content.endswith(MAGIC):
        raise ValueError("it is cut off")
    place = len(MAGIC) + 2 * INTEGER.size  # byte order and revision
    if INTEGER.unpack_from(content, len(MAGIC))[0] != 1:
        raise ValueError("it was written in another byte order")
    while place + INTEGER.size + STEP.size <= len(content):
        flag = INTEGER.unpack_from(content, place)[0]
        place += INTEGER.size
        if flag == STEP_FLAG:
            return int(STEP.unpack_from(content, place)[0])
        if flag == END_OF_HEADER_FLAG:
            break
        length = INTEGER.unpack_from(content, place)[0] if flag in TEXT_FLAGS else 0
        place += INTEGER.size + max(0, length)
    raise ValueError("its header names no step")

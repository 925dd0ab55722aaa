"""Restart files name their step; what was cut off is told from what is whole."""

from __future__ import annotations

import struct

import pytest

from aiida_concerted.formats.lammps_restart import MAGIC, restart_step


def record(flag, value):
    if isinstance(value, bytes):
        return struct.pack("<ii", flag, len(value)) + value
    return struct.pack("<ii" if flag != 5 else "<iq", flag, value)


HEADER = MAGIC + struct.pack("<ii", 1, 3)
RECORDS = [record(0, b"22 Jul 2025\0"), record(1, 4), record(48, 4), record(4, b"metal\0"), record(5, 20_000_000_000)]


def test_the_step_is_read_from_among_texts_and_numbers():
    assert restart_step(HEADER + b"".join(RECORDS) + b"atoms" + MAGIC) == 20_000_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no restart file"),
        (b"ITEM: TIMESTEP" * 9, "no restart file"),
        (HEADER + b"".join(RECORDS) + b"atoms", "cut off"),
        (MAGIC + struct.pack(">ii", 1, 3) + b"".join(RECORDS) + MAGIC, "byte order"),
        (HEADER + b"".join(RECORDS[:4]) + struct.pack("<i", -1) + MAGIC, "names no step"),
        (HEADER + record(0, b"22 Jul")[:9] + MAGIC, "names no step"),
    ],
)
def test_what_is_no_whole_file_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        restart_step(content)

from __future__ import annotations

import io

import numpy as np
import pytest

from aiida_concerted.formats.lammps_dump import iterate_lammps_dump

ORTHOGONAL = """ITEM: TIMESTEP
20
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
-1.0 9.0
0.0 8.0
0.0 7.0
ITEM: ATOMS id type element xs ys zs
2 1 S 0.5 0.5 0.5
1 2 Li 0.0 1.25 0.1
"""
TILTED = """ITEM: TIMESTEP
40
ITEM: NUMBER OF ATOMS
1
ITEM: BOX BOUNDS xy xz yz pp pp pp
-1.0 10.2 -1.0
0.0 8.4 0.2
0.0 11.0 0.4
ITEM: ATOMS id x y z xu yu zu
1 1 2 3 11 2 3
"""


def frames(text):
    return list(iterate_lammps_dump(io.StringIO(text)))


def test_frames_are_read_with_atoms_in_order():
    first, second = frames(ORTHOGONAL + TILTED)
    assert (first.step, first.elements) == (20, ("Li", "S"))
    np.testing.assert_array_equal(first.cell, np.diag([10.0, 8.0, 7.0]))
    positions, unwrapped = first.positions()
    np.testing.assert_allclose(positions, [[-1.0, 10.0, 0.7], [4.0, 4.0, 3.5]])
    assert not unwrapped
    positions, unwrapped = second.positions()
    np.testing.assert_array_equal(positions, [[11.0, 2.0, 3.0]])
    assert unwrapped


def test_the_bounds_of_a_tilted_cell_are_those_of_the_box_around_it():
    cell = np.array([[9.0, 0, 0], [-1.0, 8.0, 0], [0.2, 0.4, 11.0]])
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) @ cell
    low, high = corners.min(axis=0), corners.max(axis=0)
    tilts = (cell[1, 0], cell[2, 0], cell[2, 1])
    rows = "".join(f"{a} {b} {t}\n" for a, b, t in zip(low, high, tilts, strict=True))
    text = (
        f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n0\nITEM: BOX BOUNDS xy xz yz pp pp pp\n{rows}ITEM: ATOMS id x y z\n"
    )
    (frame,) = frames(text)
    np.testing.assert_allclose(frame.cell, cell)
    np.testing.assert_allclose(frame.origin, 0, atol=1e-12)


@pytest.mark.parametrize("kept", [20, 100, len(ORTHOGONAL) + 10, len(ORTHOGONAL) + len(TILTED) - 1])
def test_a_frame_that_was_cut_off_is_left_out(kept):
    assert len(frames((ORTHOGONAL + TILTED)[:kept])) == (kept > len(ORTHOGONAL))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello\n", "expected 'ITEM: TIMESTEP' in the dump, got 'hello'"),
        (ORTHOGONAL.replace("BOX BOUNDS pp", "BOX BOUNDS abc origin pp"), "general triclinic"),
        (ORTHOGONAL.replace("0.5 0.5 0.5", "0.5 0.5"), "an atom at step 20 of the dump has 5 columns, its header 6"),
        (ORTHOGONAL.replace("ITEM: NUMBER", "ITEM: WEIGHT"), "expected 'ITEM: NUMBER OF ATOMS'"),
    ],
)
def test_other_files_are_refused(text, message):
    with pytest.raises(ValueError, match=message):
        frames(text)


def test_a_dump_without_positions_says_what_it_has():
    (frame,) = frames(ORTHOGONAL.replace("xs ys zs", "vx vy vz"))
    with pytest.raises(ValueError, match="no positions: its columns are id, type, vx, vy, vz"):
        frame.positions()

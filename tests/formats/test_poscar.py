import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_concerted.formats.poscar import Poscar, element_of, format_poscar, parse_poscar, read_poscar

BODY = "LGPS\n1.0\n8 0 0\n0 8 0\n0 0 12\nLi_sv P S1\n1 1 2\n"
ATOMS = "0 0 0\n0.5 0.5 0.5\n0.25 0 0 S\n0 0.25 1.5\n"


def test_fractional_positions_are_kept_as_written():
    poscar = parse_poscar(BODY + "Direct\n" + ATOMS)
    assert poscar.comment == "LGPS"
    assert poscar.species == ("Li", "P", "S", "S")
    np.testing.assert_array_equal(poscar.positions, [[0, 0, 0], [4, 4, 6], [2, 0, 0], [0, 2, 18]])
    assert poscar.selective is None
    assert poscar.velocities is None


@pytest.mark.parametrize("mode", ["Cartesian", "kartesisch", "c"])
def test_cartesian_positions_are_scaled_with_the_cell(mode):
    poscar = parse_poscar(BODY.replace("1.0", "2.0") + mode + "\n" + "0 0 0\n4 4 6\n2 0 0\n0 2 1\n")
    np.testing.assert_allclose(poscar.fractional, [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0, 0], [0, 0.25, 1 / 12]])
    assert poscar.cell[0, 0] == 16


def test_a_negative_scale_is_the_volume():
    poscar = parse_poscar(BODY.replace("1.0", "-6144.0") + "Direct\n" + ATOMS)
    assert np.linalg.det(poscar.cell) == pytest.approx(6144.0)
    assert poscar.cell[2, 2] / poscar.cell[0, 0] == pytest.approx(1.5)


def test_selective_dynamics():
    lines = [line + flags for line, flags in zip(ATOMS.splitlines(), (" T T F", " .TRUE. F f", "", ""), strict=True)]
    lines[2:] = ["0.25 0 0 F F F S", "0 0.25 0.5 T T T"]
    poscar = parse_poscar(BODY + "Selective dynamics\nDirect\n" + "\n".join(lines))
    expected = [[True, True, False], [True, False, False], [False] * 3, [True] * 3]
    np.testing.assert_array_equal(poscar.selective, expected)


@pytest.mark.parametrize("header", ["\n", "Cartesian\n", "  \n"])
def test_velocities_after_an_empty_line_or_a_title(header):
    rows = "\n".join(f"{i}e-3 0 -{i}D-3" for i in range(4))
    poscar = parse_poscar(BODY + "Direct\n" + ATOMS + header + rows + "\n\n1\n0.5\n0 0 0\n")
    np.testing.assert_allclose(poscar.velocities, [[i * 1e-3, 0, -i * 1e-3] for i in range(4)])


def test_lattice_velocities_are_passed_over():
    block = "Lattice velocities and vectors\n 1\n" + "0 0 0\n" * 3 + "8 0 0\n0 8 0\n0 0 12\n"
    poscar = parse_poscar(BODY + "Direct\n" + ATOMS + block + "\n" + "0.1 0 0\n" * 4)
    np.testing.assert_array_equal(poscar.velocities[:, 0], 0.1)


def test_the_format_of_vasp_4_has_no_symbols():
    poscar = parse_poscar(BODY.replace("Li_sv P S1\n", "") + "Direct\n" + ATOMS)
    assert poscar.symbols == ()
    assert poscar.counts == (1, 1, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "POSCAR ends after line 0 where the comment"),
        (BODY, "POSCAR ends after line 7"),
        (BODY.replace("0 8 0", "0 8 x"), "POSCAR line 4: expected a lattice vector, got '0 8 x'"),
        (BODY.replace("1.0", "0"), "POSCAR line 2: the scale factor"),
        (BODY.replace("1.0", "one"), "POSCAR line 2: expected one scale factor"),
        (BODY.replace("1 1 2", "1 1"), "POSCAR line 7: 2 numbers of atoms do not fit 3 element symbols"),
        (BODY.replace("1 1 2", "1 -1 2"), "POSCAR line 7: expected positive numbers"),
        (BODY + "Direct\n0 0 0\n0 0\n", "POSCAR line 10: expected the coordinates of atom 2"),
        (BODY + "Direct\n0 0 0\n", "POSCAR ends after line 9"),
        (BODY + "Selective\nDirect\n0 0 0 T T\n", "POSCAR line 10: selective dynamics needs three flags"),
        (BODY + "Direct\n" + ATOMS + "\n1 2 3\n", "POSCAR ends after line 14 where the velocity of atom 2"),
        (BODY + "Direct\n" + ATOMS + "Direct\n" + "0 0 0\n" * 4, "line 13: velocities in direct coordinates"),
        (BODY + "Direct\n" + ATOMS + "what\n" + "0 0 0\n" * 4, "line 13: expected an empty line"),
        (BODY.replace("0 8 0", "8 0 0") + "Direct\n" + ATOMS, "span a volume"),
        (BODY + "Direct\n" + ATOMS.replace("0.25 1.5", "nan 1.5"), "finite"),
    ],
)
def test_bad_files_are_refused_with_the_line(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_poscar(text)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), counts=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_what_is_written_is_read_back(seed, counts):
    rng = np.random.default_rng(seed)
    n = sum(counts)
    poscar = Poscar(
        comment="made up",
        cell=10 * np.eye(3) + rng.standard_normal((3, 3)),
        symbols=("Li", "Ge", "S")[: len(counts)],
        counts=tuple(counts),
        fractional=rng.random((n, 3)),
        selective=rng.random((n, 3)) > 0.5 if seed % 2 else None,
        velocities=rng.standard_normal((n, 3)) * 1e-2 if seed % 3 else None,
    )
    again = parse_poscar(format_poscar(poscar))
    np.testing.assert_allclose(again.cell, poscar.cell, rtol=0, atol=1e-15)
    np.testing.assert_allclose(again.fractional, poscar.fractional, rtol=0, atol=1e-16)
    assert (again.comment, again.symbols, again.counts) == (poscar.comment, poscar.symbols, poscar.counts)
    for name in ("selective", "velocities"):
        ours, theirs = getattr(poscar, name), getattr(again, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_allclose(theirs, ours, rtol=1e-8)


def test_symbols_are_read_as_elements():
    assert [element_of(s) for s in ("Li", "Li_sv", "Fe1", "Mg_pv/f474ac0d", "S")] == ["Li", "Li", "Fe", "Mg", "S"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="CONTCAR cannot be read"):
        read_poscar(tmp_path / "CONTCAR")

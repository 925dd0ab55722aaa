"""The text of potentials is told from what only names them, and cut so that names and hashes stay."""

from __future__ import annotations

import hashlib

import pytest

from aiida_concerted.archive.potcar_text import cut_potcar_text, holds_potcar_text
from tests.archive.potcars import MARK, marked_potcar

OUTCAR = b""" POTCAR:    PAW_PBE Li_sv 10Sep2004
   VRHFIN =Li: 1s2s2p
   LEXCH  = PE
   TITEL  = PAW_PBE Li_sv 10Sep2004
   POMASS =    7.010; ZVAL   =    3.000    mass and valenz
   ENMAX  =  499.034; ENMIN  =  374.276 eV
  local pseudopotential read in
  partial core-charges read in
  non local Contribution for L=           0  read in
 energy of the system
"""


def test_two_potentials_are_cut_out_of_a_log():
    first, second = marked_potcar("Li_sv", "Li").encode(), marked_potcar("Ge_d", "Ge").encode()
    content = b"reading POTCAR\n" + first + second + b"done in 3 s\n"
    cut, facts = cut_potcar_text(content)
    assert MARK not in cut
    assert cut.startswith(b"reading POTCAR\n")
    assert cut.endswith(b"done in 3 s\n")
    assert [fact.titel for fact in facts] == ["PAW_PBE Li_sv PLACEHOLDER", "PAW_PBE Ge_d PLACEHOLDER"]
    assert [fact.lexch for fact in facts] == ["PE", "PE"]
    assert [float(fact.zval) for fact in facts] == [3.0, 14.0]
    assert [float(fact.enmax_eV) for fact in facts] == [400.0, 400.0]
    assert facts[0].sha256 == hashlib.sha256(first).hexdigest()
    assert not holds_potcar_text([cut])
    assert cut_potcar_text(cut) == (cut, ())


def test_a_log_that_names_its_potentials_is_left_alone():
    assert not holds_potcar_text([OUTCAR])
    assert cut_potcar_text(OUTCAR) == (OUTCAR, ())


def test_a_log_that_names_them_and_holds_one():
    cut, facts = cut_potcar_text(OUTCAR + marked_potcar().encode() + OUTCAR)
    assert cut.count(b"energy of the system") == 2
    assert MARK not in cut
    assert len(facts) == 1


@pytest.mark.parametrize("part", [slice(12, None), slice(None, 22), slice(15, 22)])
def test_a_piece_of_a_potential_is_found_too(part):
    lines = marked_potcar().encode().splitlines(keepends=True)
    piece = b"".join(lines[part])
    assert MARK in piece
    assert holds_potcar_text([piece])
    assert MARK not in cut_potcar_text(piece)[0]


def test_a_marker_across_two_pieces_is_found():
    content = marked_potcar().encode()
    for size in (7, 64, 1000):
        assert holds_potcar_text(content[i : i + size] for i in range(0, len(content), size))

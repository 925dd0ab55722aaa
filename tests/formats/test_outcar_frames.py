"""The steps of an OUTCAR are those of the run it is the log of."""

from __future__ import annotations

import re

import numpy as np
import pytest

from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.outcar_frames import read_outcar_frames
from tests.formats.test_outcar import TIMING, log
from tests.formats.vasp_support import steps


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "OUTCAR"
        path.write_text(text)
        return path

    return write


def test_what_is_written_is_read_back(write):
    content = read_outcar_frames(write(log() + TIMING), origin="run")
    frames = content.frames
    assert frames.species == ("Li", "S", "S")
    assert frames.origins == (("run", 1), ("run", 2), ("run", 3))
    assert (content.n_truncated, content.unconverged.tolist(), content.tags["NELM"]) == (0, [], "60")
    for i, step in enumerate(steps()):
        np.testing.assert_allclose(frames.cells[i], step.cell, atol=1e-8)
        np.testing.assert_allclose(frames.positions[i], step.fractional @ step.cell, atol=1e-5)
        np.testing.assert_allclose(frames.forces[i], step.forces, atol=1e-6)
        np.testing.assert_allclose(frames.virials[i], step.stress_kB * step.volume / EV_PER_A3_IN_KBAR, atol=1e-4)
        assert frames.energies[i] == pytest.approx(step.energy, abs=1e-7)


def test_a_step_that_was_cut_off_is_left_out_wherever_it_is_cut(write):
    whole, two = log(3), log(2)
    for fraction in np.linspace(0.05, 0.95, 19):
        content = read_outcar_frames(write(whole[: len(two) + int(fraction * (len(whole) - len(two)))]))
        assert len(content.frames) in (2, 3)
        assert len(content.frames) + content.n_truncated in (2, 3)
        np.testing.assert_allclose(content.frames.energies, [s.energy for s in steps(len(content.frames))], atol=1e-7)


def test_steps_at_the_limit_of_electronic_steps_are_named(write):
    text = log().replace("NELM   =     60", "NELM   =      3")
    assert read_outcar_frames(write(re.sub(r"Iteration +2\( +1\)", "Iteration      2(   3)", text))).unconverged == [1]


def test_numbers_that_ran_together_or_are_stars_are_told(write):
    text = log(1)
    force = re.search(r"TOTAL-FORCE.*\n.*\n.*?(-?\d+\.\d+)", text)
    with pytest.raises(ValueError, match="6 numbers are needed"):
        read_outcar_frames(write(text[: force.start(1)] + "*" * 8 + text[force.end(1) :]))
    for wrong in ("years of work", re.sub("TITEL", "TITLE", text)):
        with pytest.raises(ValueError, match="OUTCAR"):
            read_outcar_frames(write(wrong))


def test_what_decides_the_energies_is_read(write):
    head = (
        " INCAR:\n   ENCUT = 399\n   LREAL = Auto\n generate k-points for:    2    1    1\n"
        "   ENCUT  =  400.0 eV  29.40 Ry    5.42 a.u.  10.00 10.00 15.00*2*pi/ulx,y,z\n"
        "   EDIFF  = 0.1E-05   stopping-criterion for ELM\n   LREAL  =      T    real-space projection\n"
        "   ISMEAR =     0;   SIGMA  =   0.05  broadening in eV -4-tet -1-fermi 0-gaus\n"
    )
    settings = read_outcar_frames(write(head + log())).settings
    expected = {"ENCUT": 400.0, "EDIFF": 1e-6, "LREAL": "auto", "ISMEAR": 0.0, "SIGMA": 0.05}
    assert {tag: settings.tags[tag] for tag in expected} == expected
    assert settings.titles == {"Li": "PAW_PBE Li_sv PLACEHOLDER", "S": "PAW_PBE S PLACEHOLDER"}
    assert settings.sampling.below is not None

"""Files that VASP itself wrote, as they ship with ASE, are read as others read them."""

from pathlib import Path

import ase.test
import numpy as np
import pytest
from ase.io import read
from pymatgen.io.vasp.outputs import Vasprun

from aiida_concerted.formats.vasprun import read_vasprun_frames

FOLDER = Path(ase.test.__file__).parent / "testdata" / "vasp"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="this ASE comes without its test data")

EXPECTED = {
    "vasprun_dfpt.xml": ("6.3.2", (3, 3, 3), {"ENCUT": 400.0, "PREC": "accura", "EDIFF": 1e-8, "ADDGRID": True}),
    "vasprun_pstress.xml": ("6.3.0", (4, 4, 4), {"ENCUT": 400.0, "ISMEAR": 1.0, "SIGMA": 0.2, "LREAL": False}),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EXPECTED)
def test_labels_are_those_that_others_read(name):
    ours = read_vasprun_frames(FOLDER / name).frames
    atoms = read(FOLDER / name, index=-1)
    last = Vasprun(FOLDER / name, parse_potcar_file=False, exception_on_bad_xml=False).ionic_steps[-1]
    assert ours.energies[-1] == last["e_fr_energy"]
    np.testing.assert_array_equal(ours.forces[-1], last["forces"])
    np.testing.assert_array_equal(ours.cells[-1], last["structure"].lattice.matrix)
    assert list(ours.species) == atoms.get_chemical_symbols()
    np.testing.assert_allclose(ours.forces[-1], atoms.get_forces(), atol=1e-8)
    np.testing.assert_allclose(ours.cells[-1], atoms.cell[:], atol=1e-8)


@pytest.mark.parametrize("name", EXPECTED)
def test_what_decides_the_energies_is_read(name):
    version, divisions, tags = EXPECTED[name]
    content = read_vasprun_frames(FOLDER / name)
    assert (content.header.version, content.header.divisions) == (version, divisions)
    settings = content.header.settings(content.frames.cells[0])
    assert {tag: settings.tags[tag] for tag in tags} == tags
    assert set(settings.titles) == set(content.frames.species)

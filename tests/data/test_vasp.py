"""What is read from a VASP run is what VASP wrote."""

import io

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.data.vasp import describe_theory, read_head, read_last_energy, read_run
from aiida_concerted.formats.vasprun import VasprunHeader

HEAD = """<?xml version="1.0" encoding="ISO-8859-1"?>
<modeling>
 <generator><i name="program" type="string">vasp </i><i name="version" type="string">6.4.2  </i>
  <i name="subversion" type="string">{build}</i></generator>
 <incar><i type="string" name="GGA">PE</i>{incar}</incar>
 <parameters><separator name="electronic"><i type="int" name="NELM">     3</i></separator></parameters>
 <atominfo><array name="atoms"><set><rc><c>Li</c><c>1</c></rc><rc><c>Cl</c><c>2</c></rc></set></array>
  <array name="atomtypes">
   <set><rc><c>1</c><c>Li</c><c>6.9</c><c>3.0</c><c>PAW_PBE Li_sv 10Sep2004</c></rc></set></array>
 </atominfo>
"""
STEP = """ <calculation>{scsteps}
  <structure><crystal><varray name="basis"><v>4 0 0</v><v>1 5 0</v><v>0 0 6</v></varray></crystal>
   <varray name="positions"><v>0 0 0</v><v>0.5 0.5 {z}</v></varray></structure>
  <varray name="forces"><v>0.1 0 0</v><v>-0.1 0 0</v></varray>
  <varray name="stress"><v>10 0 0</v><v>0 20 0</v><v>0 0 30</v></varray>
  <energy><i name="e_fr_energy">{energy}</i><i name="e_wo_entrp">-1.0</i><i name="e_0_energy">-1.5</i>
   <i name="kinetic">{kinetic}</i></energy>
 </calculation>
"""


def vasprun(*, build="20Jul23 complex", incar="", energies=(-3.0, -3.5), electronic=(2, 3), ending="</modeling>\n"):
    steps = [
        STEP.format(scsteps="<scstep></scstep>" * count, z=0.1 * index, energy=energy, kinetic=0.05 * (index + 1))
        for index, (energy, count) in enumerate(zip(energies, electronic, strict=True))
    ]
    return HEAD.format(build=build, incar=incar) + "".join(steps) + ending


@pytest.fixture
def retrieved(aiida_profile):
    def make(text):
        folder = orm.FolderData()
        if text is not None:
            folder.base.repository.put_object_from_filelike(io.BytesIO(text.encode()), "vasprun.xml")
        return folder.store()

    return make


def test_positions_are_cartesian_energies_free_and_virials_positive_under_compression(retrieved):
    node = retrieved(vasprun())
    run = read_run(node)
    assert run.frames.species == ("Li", "Cl")
    assert run.frames.energies.tolist() == [-3.0, -3.5]
    assert np.allclose(run.frames.positions[1, 1], [2.5, 2.5, 0.6])
    assert np.allclose(run.frames.virials[0], np.diag([10.0, 20.0, 30.0]) * 120 / EV_PER_A3_IN_KBAR)
    assert run.frames.origins == ((node.uuid, 1), (node.uuid, 2))
    assert read_last_energy(node) == -3.5


def test_steps_that_reached_nelm_are_marked(retrieved):
    assert read_run(retrieved(vasprun())).is_converged.tolist() == [True, False]


def test_truncated_run_keeps_its_complete_steps(retrieved):
    text = vasprun(ending=" <calculation><structure><crystal>")
    run = read_run(retrieved(text))
    assert (len(run.frames), run.n_truncated) == (2, 1)


def test_level_of_theory_names_functional_and_version_and_takes_a_stand_in_at_its_word(retrieved):
    assert read_head(retrieved(vasprun())).level_of_theory == "PBE/VASP 6.4.2"
    stand_in = "concerted-vasp-surrogate 0.1 (CHGNet 0.3.0): NOT DFT"
    assert read_head(retrieved(vasprun(build=stand_in))).level_of_theory == stand_in
    assert read_run(retrieved(vasprun(build=stand_in))).level_of_theory == stand_in


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"GGA": "PS"}, "PBEsol/VASP 6.4.2"),
        ({"GGA": "PE", "METAGGA": "R2SCAN"}, "R2SCAN/VASP 6.4.2"),
        ({"GGA": "--"}, "PBE/VASP 6.4.2"),
        ({"GGA": "PE", "LHFCALC": "T"}, "hybrid PBE/VASP 6.4.2"),
    ],
)
def test_functional_comes_from_the_tags_in_force_or_the_potentials(tags, expected):
    header = VasprunHeader(program="vasp", version="6.4.2", parameters=tags, potentials=("PAW_PBE Li_sv 10Sep2004",))
    assert describe_theory(header) == expected


def test_the_oldest_potentials_are_those_of_the_local_density():
    header = VasprunHeader(program="vasp", version="6.3.0", parameters={"GGA": "--"}, potentials=("PAW C 22Mar2012",))
    assert describe_theory(header) == "LDA/VASP 6.3.0"


def test_missing_file_and_run_without_steps_are_refused(retrieved):
    with pytest.raises(ValueError, match=r"no vasprun\.xml"):
        read_run(retrieved(None))
    with pytest.raises(ValueError, match="no complete ionic step"):
        read_run(retrieved(vasprun(energies=(), electronic=())))
    with pytest.raises(ValueError, match="completed no ionic step"):
        read_last_energy(retrieved(vasprun(energies=(), electronic=())))

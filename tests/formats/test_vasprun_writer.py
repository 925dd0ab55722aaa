import io

import numpy as np
from lxml import etree

from aiida_concerted.formats.vasprun_writer import VasprunWriter
from tests.formats.vasp_support import description, steps


def document(made, *, end=True):
    stream = io.StringIO()
    writer = VasprunWriter(stream)
    writer.begin(description())
    for step in made:
        writer.step(step)
    if end:
        writer.end(made[-1].cell, made[-1].fractional)
    return stream.getvalue()


def test_the_document_is_well_formed_and_says_what_made_it():
    root = etree.fromstring(document(steps()).encode())
    entries = {i.get("name"): i.text.strip() for i in root.find("generator")}
    assert entries["program"] == "vasp"
    assert entries["version"] == "6.4.2"
    assert entries["subversion"] == "nothing (test): NOT DFT"
    assert root.find("incar/i[@name='SYSTEM']").text == "test & <run>"
    assert root.find("incar/i[@name='LWAVE']").text.strip() == "F"
    assert root.find("incar/v[@name='MAGMOM']").text.split() == ["0.50000000", "1.00000000", "1.00000000"]
    assert len(root.findall("calculation")) == 3
    assert {structure.get("name") for structure in root.findall("structure")} == {"initialpos", "finalpos"}


def test_numbers_have_eight_decimals():
    made = steps(1)
    root = etree.fromstring(document(made).encode())
    calculation = root.find("calculation")
    for path, expected in (
        ("structure/crystal/varray[@name='basis']", made[0].cell),
        ("structure/varray[@name='positions']", made[0].fractional),
        ("varray[@name='forces']", made[0].forces),
        ("varray[@name='stress']", made[0].stress_kB),
    ):
        rows = np.array([[float(x) for x in v.text.split()] for v in calculation.find(path)])
        np.testing.assert_allclose(rows, expected, atol=5.1e-9)
    reciprocal = np.array(
        [[float(x) for x in v.text.split()] for v in calculation.find(".//varray[@name='rec_basis']")]
    )
    np.testing.assert_allclose(made[0].cell @ reciprocal.T, np.eye(3), atol=1e-6)
    energies = {i.get("name"): float(i.text) for i in calculation.find("energy")}
    assert energies["total"] == round(made[0].conserved, 8)
    assert energies["e_fr_energy"] == energies["e_0_energy"] == energies["e_wo_entrp"]


def test_a_run_without_stress_or_motion_claims_none():
    text = document(steps(with_stress=False, with_motion=False))
    assert 'name="stress"' not in text
    assert 'name="kinetic"' not in text


def test_only_ascii_is_written():
    stream = io.StringIO()
    writer = VasprunWriter(stream)
    run = description()
    writer.begin(type(run)(**{**run.__dict__, "system": "Å", "incar": {"SYSTEM": "Li\u207a in Å"}}))
    assert stream.getvalue().isascii()
    root = etree.fromstring(stream.getvalue().encode() + b"</modeling>")
    assert root.find("incar/i").text == "Li\u207a in Å"

import warnings

import pytest

from aiida_concerted.formats.potcar import read_potential_headers
from aiida_concerted.surrogate.potcar import placeholder_potcar, write_placeholder_potcars

LGPS = {"Li_sv": "Li", "Ge_d": "Ge", "P": "P", "S": "S"}


def test_placeholders_say_so_and_name_their_element(tmp_path):
    paths = write_placeholder_potcars(tmp_path, LGPS)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [f"{symbol}/POTCAR" for symbol in LGPS]
    headers = [read_potential_headers(path)[0] for path in paths]
    assert [header.symbol for header in headers] == list(LGPS)
    assert [header.element for header in headers] == list(LGPS.values())
    assert [header.valence for header in headers] == [3, 14, 5, 6]
    assert headers[0].mass == pytest.approx(6.94)
    assert all("PLACEHOLDER" in path.read_text().splitlines()[0] for path in paths)
    assert all("this is not a potential" in path.read_text() for path in paths)


def test_elements_may_be_listed_without_names(tmp_path):
    paths = write_placeholder_potcars(tmp_path, ["Na", "Cl"])
    assert [path.parent.name for path in paths] == ["Na", "Cl"]


@pytest.mark.parametrize(("symbol", "element"), [("Xx", "Xx"), ("Li_sv", "Ge"), ("Li/..", "Li"), ("../Li", "Li")])
def test_names_that_are_no_potentials_are_refused(tmp_path, symbol, element):
    with pytest.raises(ValueError, match=r"element|must be named"):
        write_placeholder_potcars(tmp_path, {symbol: element})
    assert list(tmp_path.iterdir()) == []


def test_pymatgen_reads_a_placeholder():
    from pymatgen.io.vasp.inputs import PotcarSingle

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is right to warn that it does not know this potential
        potcar = PotcarSingle(placeholder_potcar("Li_sv", "Li"))
    assert (potcar.element, potcar.ENMAX, potcar.ZVAL, potcar.functional) == ("Li", 400.0, 3.0, "PBE")


def test_aiida_vasp_takes_up_a_family(tmp_path, aiida_profile_clean):
    from aiida import orm
    from aiida_vasp.data.potcar import PotcarData

    write_placeholder_potcars(tmp_path / "family", LGPS)
    counts = PotcarData.upload_potcar_family(
        tmp_path / "family", "placeholders", "headers only", stop_if_existing=False
    )
    structure = orm.StructureData(cell=[[8, 0, 0], [0, 8, 0], [0, 0, 8]])
    for i, symbol in enumerate(LGPS.values()):
        structure.append_atom(position=(i, i, i), symbols=symbol)
    mapping = {element: symbol for symbol, element in LGPS.items()}
    potentials = PotcarData.get_potcars_from_structure(structure, "placeholders", mapping)
    assert counts == (4, 4, 4)
    assert {kind: potcar.full_name for kind, potcar in potentials.items()} == mapping
    assert potentials["Li"].title == "PAW_PBE Li_sv PLACEHOLDER"

import pytest

from aiida_concerted.formats.potcar import read_potential_headers
from aiida_concerted.surrogate.potcar import placeholder_potcar


def test_potentials_come_in_order_and_their_tables_are_passed_over(tmp_path):
    text = placeholder_potcar("Li_sv", "Li") + "\n" + placeholder_potcar("S", "S")
    text = text.replace(" PLACEHOLDER for S", " TITEL = not a header, but a table\n PLACEHOLDER for S")
    (tmp_path / "POTCAR").write_text(text)
    lithium, sulphur = read_potential_headers(tmp_path / "POTCAR")
    assert (lithium.titel, lithium.symbol, lithium.element) == ("PAW_PBE Li_sv PLACEHOLDER", "Li_sv", "Li")
    assert (lithium.functional, lithium.mass, lithium.valence, lithium.cutoff_eV) == ("PE", 6.94, 3.0, 400.0)
    assert (sulphur.symbol, sulphur.valence) == ("S", 6.0)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: "", "POTCAR holds no potential"),
        (lambda text: "hello\n", "potential 1: TITEL must name"),
        (lambda text: text.replace("PAW_PBE Li_sv", "Li_sv").replace(" PLACEHOLDER", ""), "TITEL must name"),
        (lambda text: text.replace("ENMAX", "ENMEX"), "no number for ENMAX"),
        (lambda text: text.replace("POMASS =    6.940", "POMASS = heavy"), "no number for POMASS"),
        (lambda text: text + text.replace("ZVAL", "ZVUL"), r"potential 2 .* no number for ZVAL"),
    ],
)
def test_bad_files_are_refused(tmp_path, spoil, reason):
    (tmp_path / "POTCAR").write_text(spoil(placeholder_potcar("Li_sv", "Li")))
    with pytest.raises(ValueError, match=reason):
        read_potential_headers(tmp_path / "POTCAR")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="POTCAR cannot be read"):
        read_potential_headers(tmp_path / "POTCAR")

import pytest

from aiida_concerted.formats.incar import parse_incar
from aiida_concerted.surrogate.settings import parameters_in_force, settings_from_incar

MD = "IBRION = 0\nNSW = 10\nPOTIM = 2\n"


def settings(text):
    return settings_from_incar(parse_incar(text))


def test_an_empty_incar_is_a_static_run_with_stress():
    result = settings("")
    assert result.mode == "static"
    assert result.with_stress
    assert result.ediffg == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("NSW = 0\nIBRION = 2", "static"),
        ("NSW = 1\nIBRION = -1", "static"),
        ("NSW = 5\nPOTIM = 1", "md"),
        (MD, "md"),
        ("NSW = 5\nIBRION = 1", "relax"),
        ("NSW = 5\nIBRION = 2\nISIF = 3", "relax"),
    ],
)
def test_ibrion_and_nsw_choose_the_mode(text, mode):
    assert settings(text).mode == mode


def test_dynamics_has_no_stress_unless_isif_asks_for_it():
    assert not settings(MD).with_stress
    assert settings(MD + "ISIF = 2").with_stress


def test_dynamics_is_microcanonical_unless_smass_asks_for_a_thermostat():
    assert not settings(MD).has_thermostat
    assert settings(MD + "SMASS = 0\nTEBEG = 300").has_thermostat
    assert settings(MD + "MDALGO = 2\nSMASS = 1.5\nTEBEG = 300").smass == 1.5


def test_the_temperature_goes_from_tebeg_to_teend():
    ramp = settings(MD + "SMASS = 0\nTEBEG = 300\nTEEND = 400")
    assert [ramp.temperature(step) for step in (1, 5, 10)] == pytest.approx([310, 350, 400])


def test_electronic_tags_have_no_effect():
    plain = settings(MD + "TEBEG = 300")
    dressed = settings(
        MD + "TEBEG = 300\nENCUT = 400\nPREC = Normal\nALGO = Fast\nISMEAR = 0; SIGMA = 0.05\nLREAL = Auto\nISPIN = 1\n"
        "LWAVE = F\nLCHARG = .FALSE.\nISYM = 0\nNELMIN = 4\nMAXMIX = 40\nNWRITE = 0\nGGA = PE\nIVDW = 0\nLDAU = F\n"
        "METAGGA = none\nNUPDOWN = -1\nLHFCALC = .F.\nKPAR = 2\nNCORE = 4\nMAGMOM = 8*0.6\nLASPH = T"
    )
    assert dressed == plain


@pytest.mark.parametrize(
    "line",
    [
        "LDAU = .TRUE.",
        "GGA = PS",
        "METAGGA = R2SCAN",
        "IVDW = 12",
        "LHFCALC = T",
        "LSORBIT = T",
        "NELECT = 12",
        "NUPDOWN = 2",
        "PSTRESS = 10",
        "LSOL = .TRUE.",
        "ML_LMLFF = T",
        "LEPSILON = T",
        "ISIF = 4",
        "ISIF = 1",
        "IBRION = 3",
        "IBRION = 6",
        "IBRION = 44",
        "IBRION = -1\nNSW = 3",
        "NELM = 0",
        "NBLOCK = 0",
        "RANDOM_SEED = -1",
        "ENCUTT = 400",
        "NSW = ten",
    ],
)
def test_what_would_be_done_otherwise_is_refused_by_name(line):
    tag = line.splitlines()[-1].split()[0]
    with pytest.raises(ValueError, match=f"INCAR line .*{tag}") as caught:
        settings(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("IBRION = 0\nNSW = 5", "POTIM"),
        (MD + "MDALGO = 3", "MDALGO"),
        (MD + "MDALGO = 2", "SMASS"),
        (MD + "SMASS = -1", "SMASS"),
        (MD + "SMASS = 0", "TEBEG"),
        (MD + "TEBEG = -3", "TEBEG"),
        (MD + "ISIF = 3", "ISIF"),
    ],
)
def test_dynamics_that_is_not_done_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        settings(text)


def test_the_outputs_say_the_values_in_force():
    incar = parse_incar(MD + "ENCUT = 400\nTEBEG = 300")
    groups = parameters_in_force(incar, settings_from_incar(incar), n_electrons=32.0)
    merged = {tag: value for group in groups.values() for tag, value in group.items()}
    expected = {"NELM": 60, "NSW": 10, "IBRION": 0, "ENMAX": 400.0, "TEEND": 300.0, "NELECT": 32.0, "AEXX": 0.0}
    assert {tag: merged[tag] for tag in expected} == expected

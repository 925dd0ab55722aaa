import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.formats.incar import as_logical, format_incar, parse_incar, read_incar

TEXT = """! a run
SYSTEM = "LGPS at 600 K" # quoted
ibrion = 0 ; NSW=10;POTIM = 2
  TEBEG = 6D2
LWAVE = .FALSE.  ! no
LREAL = T
MAGMOM = 2*0.6 \\
  3*-1 0.5
"""


def test_tags_comments_separators_and_continuations():
    incar = parse_incar(TEXT)
    assert incar.text("SYSTEM", "") == "LGPS at 600 K"
    assert (incar.integer("IBRION", -1), incar.integer("NSW", 0)) == (0, 10)
    assert incar.real("TEBEG", 0.0) == 600.0
    assert incar.logical("LWAVE", True) is False
    assert incar.logical("LREAL", False) is True
    assert incar.reals("MAGMOM", ()) == (0.6, 0.6, -1, -1, -1, 0.5)
    assert incar.lines == {
        "SYSTEM": 2, "IBRION": 3, "NSW": 3, "POTIM": 3, "TEBEG": 4, "LWAVE": 5, "LREAL": 6, "MAGMOM": 7,
    }  # fmt: skip


def test_absent_tags_take_the_default():
    incar = parse_incar("\n\n# nothing\n")
    assert (incar.integer("NSW", 3), incar.real("POTIM", 0.5), incar.logical("LDAU", False)) == (3, 0.5, False)
    assert "NSW" not in incar


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NSW 10", "line 1: expected TAG = value, got 'NSW 10'"),
        ("\nNSW =", "line 2: expected TAG"),
        ("NSW = 1\nNSW = 2", "line 2: NSW was given already in line 1"),
        ("{ NSW = 1 }", "line 1: expected TAG"),
    ],
)
def test_lines_that_are_no_assignment_are_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        parse_incar(text)


@pytest.mark.parametrize(
    ("text", "get"),
    [
        ("NSW = 1.5", lambda incar: incar.integer("NSW", 0)),
        ("NSW = many", lambda incar: incar.real("NSW", 0.0)),
        ("NSW = inf", lambda incar: incar.real("NSW", 0.0)),
        ("NSW = 1 2", lambda incar: incar.real("NSW", 0.0)),
        ("NSW = 3", lambda incar: incar.logical("NSW", False)),
    ],
)
def test_values_of_the_wrong_kind_are_named_with_their_line(text, get):
    with pytest.raises(ValueError, match="INCAR line 1: NSW = "):
        get(parse_incar(text))


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True),
        st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.lists(st.floats(-9, 9), min_size=1),
    )
)
def test_what_is_written_is_read_back(tags):
    incar = parse_incar(format_incar(tags))
    assert set(incar.values) == set(tags)
    for tag, value in tags.items():
        if isinstance(value, bool):
            assert incar.logical(tag, not value) is value
        elif isinstance(value, int):
            assert incar.integer(tag, value + 1) == value
        else:
            assert incar.reals(tag, ()) == tuple(value if isinstance(value, list) else [value])


def test_truth_has_many_spellings():
    assert [as_logical(text) for text in (".TRUE.", "t", ".F.", "False", "yes", "1")] == [
        True,
        True,
        False,
        False,
        None,
        None,
    ]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="INCAR cannot be read"):
        read_incar(tmp_path / "INCAR")

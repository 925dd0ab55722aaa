"""YAML is read strictly, and nothing in it can run or explode."""

from __future__ import annotations

import re

import pytest

from aiida_concerted.common.strict_yaml import load_strict, read_strict

LAUGHS = "a0: &a0 [1]\n" + "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))


def test_plain_content_is_returned():
    assert load_strict("a: 1\nb: [x, &k {c: 2}, *k]\n", "here") == {"a": 1, "b": ["x", {"c": 2}, {"c": 2}]}
    assert load_strict("", "here") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "here: line 2: the key 'a' stands twice"),
        ("a: [1, {b: 1, b: 2}]", "the key 'b' stands twice"),
        ("a: [", "here: while parsing"),
        ("a: &x [*x]", "this refers to itself"),
        ("a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (
            "\n".join(["a0: &a0 [1]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]),
            "more than",
        ),
    ],
)
def test_traps_are_refused_in_one_line(text, said):
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        load_strict(text, "here")
    assert "\n" not in str(caught.value)


def test_what_is_no_text_file_is_named(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"x\.yaml is no text file"):
        read_strict(tmp_path / "x.yaml")
    with pytest.raises(ValueError, match="No such file"):
        read_strict(tmp_path / "y.yaml")

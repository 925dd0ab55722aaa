from __future__ import annotations

import json
import math
import os
import stat

import pytest

from aiida_concerted.cli.json_file import read_json, write_json

CONTENT = {"schema": "test/1", "label": "σ = 3 S m⁻¹", "numbers": [1, 2.5], "nested": {"a": {}}}


def test_what_is_written_is_read_back_a_section_a_line(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, CONTENT)
    assert read_json(path) == json.loads(path.read_text()) == CONTENT
    assert len(path.read_text().splitlines()) == len(CONTENT) + 2
    assert os.listdir(tmp_path) == ["result.json"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_empty_dictionary_is_json(tmp_path):
    write_json(tmp_path / "empty.json", {})
    assert read_json(tmp_path / "empty.json") == {}


def test_no_undefined_number_is_ever_written(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": [math.nan]})
    assert path.read_text() == "{}"
    assert os.listdir(tmp_path) == ["result.json"]


@pytest.mark.parametrize("content", [b"{ half", b"\xff\xfe", b""])
def test_what_is_no_json_is_one_line(tmp_path, content):
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no JSON file") as error:
        read_json(path)
    assert "\n" not in str(error.value)

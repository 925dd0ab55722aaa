"""A profile that is half made, damaged or moved is put right at the next start, and a whole one is left as it is."""

from __future__ import annotations

import json
import shutil

import pytest

from aiida_concerted.environment.sqlite import journal_mode
from tests.environment.helpers import act, end_all


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "a demo"
    yield path
    end_all(path)


def edit_configuration(folder, edit):
    path = folder / ".aiida" / "config.json"
    content = json.loads(path.read_text())
    edit(content["profiles"]["concerted-demo"])
    path.write_text(json.dumps(content))


def test_a_profile_is_made_once_and_survives_what_may_befall_it(folder):
    first = act("prepare", folder)
    assert first["computers"] == 1
    assert journal_mode(folder / ".aiida" / "repository" / "concerted-demo" / "database.sqlite") == "wal"
    assert act("prepare", folder) == first

    copy = folder.with_name("a copy")  # beside its original, which it must not read and write
    shutil.copytree(folder, copy)
    assert act("load", copy)["storage"].startswith(str(copy))
    end_all(copy)

    moved = folder.with_name("moved demo")
    folder.rename(moved)
    there = act("prepare", moved)
    assert there["uuid"] == first["uuid"]
    assert there["workdir"] == str(moved / "work")

    edit_configuration(moved, lambda profile: profile.pop("default_user_email"))  # killed before the last step
    again = act("prepare", moved)
    assert again["uuid"] != first["uuid"]
    assert again["user"] == first["user"]

    (moved / ".aiida" / "config.json").unlink()  # killed before the configuration was written
    assert act("prepare", moved)["computers"] == 1
    end_all(moved)

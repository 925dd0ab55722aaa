"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aiida_concerted.common.files import make_folder, require_writable, write_at_once


@pytest.mark.parametrize(("content", "found"), [("Å", "Å".encode()), (b"\x00\xff", b"\x00\xff")])
def test_text_and_bytes_are_written(tmp_path, content, found) -> None:
    path = write_at_once(tmp_path / "file", content)
    assert path.read_bytes() == found
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, monkeypatch) -> None:
    path = write_at_once(tmp_path / "file", "old")

    def fail(*_):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_at_once(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path) -> None:
    require_writable(tmp_path / "new")
    with pytest.raises(ValueError, match="make it first"):
        require_writable(tmp_path / "nowhere" / "new")
    with pytest.raises(ValueError, match="is a folder"):
        require_writable(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tmp_path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ValueError, match="cannot write"):
        require_writable(tmp_path / "new")


def test_a_folder_is_made_or_the_reason_is_said(tmp_path) -> None:
    make_folder(tmp_path / "new" / "deep")
    make_folder(tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(ValueError, match="cannot make the folder"):
            make_folder(path)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system in which nobody may make files")
def test_a_file_system_without_new_files_is_refused_even_for_root() -> None:
    with pytest.raises(ValueError, match="cannot write to the folder"):
        require_writable(Path("/proc/self/new"))
    with pytest.raises(ValueError, match="choose another one"):
        make_folder(Path("/proc/self"))

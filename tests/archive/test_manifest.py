"""What an archive says of itself is true, and what is not what it says is refused or named."""

from __future__ import annotations

import json
import sqlite3
import zipfile

import pytest
from aiida import orm
from aiida.tools.archive import create_archive

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.manifest import KEY, find_alterations, read_manifest
from aiida_concerted.archive.reading import open_zip
from aiida_concerted.archive.summary import summarise_archive
from aiida_concerted.archive.verify import DIFFERS, verify_archive
from aiida_concerted.cli.archive_text import describe

pytestmark = pytest.mark.usefixtures("aiida_profile")


@pytest.fixture
def archive(tmp_path):
    folder = orm.FolderData()
    folder.base.repository.put_object_from_bytes(b"some numbers 1 2 3\n" * 10, "data.txt")
    path = tmp_path / "some.aiida"
    create_clean_archive([folder.store(), orm.Int(5).store()], path, licence="MIT", citation="A. Author (2026)")
    return path


def rewrite(path, change, rename=str):
    """Write an archive anew, its members changed by a function of name and content, and renamed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(rename(name), change(name, content))


def test_it_says_what_is_in_it(archive):
    manifest = read_manifest(archive)
    assert (manifest["licence"], manifest["citation"]) == ("MIT", "A. Author (2026)")
    assert manifest["nodes"] == {"data.core.folder.FolderData.": 1, "data.core.int.Int.": 1}
    assert manifest["files"] == {"number": 1, "bytes": 190}
    assert {"aiida-concerted", "aiida-core"} <= set(manifest["software"])
    summary = summarise_archive(archive)
    assert summary.as_dict()["manifest"] == manifest
    text = describe(summary)
    assert "Licence:   MIT" in text
    assert "Cite:      A. Author (2026)" in text
    assert find_alterations(archive) == []


def test_archives_of_others_have_none(tmp_path):
    path = tmp_path / "plain.aiida"
    create_archive([orm.Int(1).store()], filename=path)
    assert read_manifest(path) is None
    assert find_alterations(path) == []
    assert "Licence" not in describe(summarise_archive(path))


def test_an_altered_file_is_named(archive):
    rewrite(archive, lambda name, content: content.replace(b"1 2 3", b"1 2 4") if name.startswith("repo/") else content)
    (found,) = find_alterations(archive)
    assert found.startswith("the file repo/")
    (verdict,) = verify_archive(archive)
    assert verdict.outcome == DIFFERS


def test_an_altered_database_is_named(archive, tmp_path):
    def alter(name, content):
        if name != "db.sqlite3":
            return content
        path = tmp_path / "db.sqlite3"
        path.write_bytes(content)
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE db_dbnode SET attributes = ? WHERE node_type LIKE '%Int.'", ('{"value": 6}',))
        return path.read_bytes()

    rewrite(archive, alter)
    assert find_alterations(archive) == ["the database is not the one that the manifest was made for"]


@pytest.mark.parametrize(
    ("schema", "message"), [("aiida-concerted/archive-manifest/2", "newer"), ("nonsense", "damaged"), (None, "damaged")]
)
def test_a_newer_or_broken_manifest_is_refused(archive, schema, message):
    def alter(name, content):
        if name != "metadata.json":
            return content
        metadata = json.loads(content)
        metadata[KEY]["schema"] = schema
        return json.dumps(metadata).encode()

    rewrite(archive, alter)
    with pytest.raises(ArchiveError, match=message) as caught:
        summarise_archive(archive)
    assert "\n" not in str(caught.value)


def test_results_of_a_newer_schema_are_refused(archive, tmp_path):
    def alter(name, content):
        if name != "db.sqlite3":
            return content
        path = tmp_path / "db.sqlite3"
        path.write_bytes(content)
        values = ("data.concerted.diffusivity.DiffusivityData.", '{"schema_version": 99}')
        with sqlite3.connect(path) as connection:
            connection.execute(
                "UPDATE db_dbnode SET node_type = ?, attributes = ? WHERE node_type LIKE '%Int.'", values
            )
        return path.read_bytes()

    rewrite(archive, alter)
    with pytest.raises(ArchiveError, match="schema version 99, this aiida-concerted knows 2: upgrade it"):
        summarise_archive(archive)


def test_a_bomb_is_refused_before_it_is_unpacked(archive):
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as target:
        with target.open("repo/" + "0" * 64, "w") as member:
            for _ in range(110):
                member.write(bytes(1 << 20))
    assert archive.stat().st_size < 1 << 20
    with pytest.raises(ArchiveError, match=r"would unpack to 0\.1 GB from 0\.1 MB"), open_zip(archive):
        pass


def test_members_that_share_their_bytes_are_refused(archive):
    with zipfile.ZipFile(archive, "a") as target:
        twin = zipfile.ZipInfo("repo/" + "1" * 64)
        first = target.infolist()[0]
        twin.header_offset, twin.compress_size, twin.file_size = (
            first.header_offset,
            first.compress_size,
            first.file_size,
        )
        twin.CRC, twin.compress_type = first.CRC, first.compress_type
        target.filelist.append(twin)
        target.NameToInfo[twin.filename] = twin
        target._didModify = True
    with pytest.raises(ArchiveError, match="overlap"), open_zip(archive):
        pass

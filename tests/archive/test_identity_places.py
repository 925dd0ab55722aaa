"""Places where persons and folders are easily missed: line breaks in records, options, homes below other folders."""

from __future__ import annotations

import bz2
import gzip
import sqlite3
import zipfile

import pytest
from aiida import orm

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.identity import Replacements
from aiida_concerted.archive.reading import open_archive
from tests.archive.potcars import holds_in, tarred, zipped


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gcc -I/home/ada/include", "gcc -I/home/user/include"),
        ("-L /gpfs/home/ada/lib", "-L /home/user/lib"),
        ("cc -I/data/runs/x", "cc -I/work/x"),
        ("src/data/runs", "src/data/runs"),
        ("https://site.org/users/guide", "https://site.org/users/guide"),
        ("file:///home/ada/x", "file:///home/user/x"),
        ("/home/user/x", "/home/user/x"),
        ("PATH=/a:/Users/ada", "PATH=/a:/home/user"),
    ],
)
def test_paths_are_told_from_what_looks_like_one(text, expected):
    assert Replacements({"/data/runs": "/work"}).apply(text.encode()).decode() == expected


def test_no_place_is_missed(aiida_profile, tmp_path):
    user = orm.User.collection.get_default()
    before = (user.first_name, user.last_name, user.institution)
    user.first_name, user.last_name, user.institution = "Ada", "Müstermann", "Institute of Secrets"
    user.store()
    log = "Traceback\n/home/amuster/x.py\n/users/amuster/y\nby Ada Müstermann\nInstitute of Secrets"
    node = orm.Dict({"log": log, "list": [{"/home/amuster/key": f"\n{user.email}\n"}], "number": 1.5}).store()
    node.base.comments.add("Müstermann, Ada saw it")
    assert node.base.extras.get("_aiida_hash")
    path = tmp_path / "shared.aiida"
    try:
        create_clean_archive([node], path)
    finally:
        user.first_name, user.last_name, user.institution = before
        user.store()
    for word in ("amuster", "Müstermann", "M\\u00fcstermann", "of Secrets", user.email):
        assert not holds_in(path, word.encode()), word
    with open_archive(path) as backend:
        read = orm.QueryBuilder(backend=backend).append(orm.Node, filters={"uuid": node.uuid}).first(flat=True)
        assert read.base.attributes.get("number") == 1.5
        assert read.base.attributes.get("log").startswith("Traceback\n/home/user/x.py\n/home/user/y\nby somebody")
        assert "_aiida_hash" not in read.base.extras.all
    with zipfile.ZipFile(path) as archive:
        (tmp_path / "db").write_bytes(archive.read("db.sqlite3"))
    assert sqlite3.connect(tmp_path / "db").execute("SELECT institution FROM db_dbuser").fetchall() == [("",)]


def test_packed_files_are_named_and_left_whole(aiida_profile, tmp_path):
    inside = b"cd /home/amuster/run\n"
    files = orm.FolderData()
    packed = {
        "a.gz": gzip.compress(inside),
        "b.zip": zipped("c.tar.gz", tarred("run.sh", inside)),
        "d.bz2": bz2.compress(b"x"),
    }
    for name, content in packed.items():
        files.base.repository.put_object_from_bytes(content, name)
    path = tmp_path / "shared.aiida"
    report = create_clean_archive([files.store()], path).identity
    assert (report.n_binary, report.n_files) == (2, 0)
    assert all(files.uuid in place for place in report.left)
    with open_archive(path) as backend:
        read = orm.QueryBuilder(backend=backend).append(orm.Node, filters={"uuid": files.uuid}).first(flat=True)
        assert {name: read.base.repository.get_object_content(name, mode="rb") for name in packed} == packed

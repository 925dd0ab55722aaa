"""Text is found and cut at any depth of files in files, and the rest of them stays."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest

from aiida_concerted.archive import nested
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.nested import clean_stream
from tests.archive.potcars import holds, marked_potcar, tarred, zipped

TEXT = marked_potcar().encode()


def clean(content: bytes):
    return clean_stream(io.BytesIO(content))


def test_nothing_is_changed_where_there_is_nothing():
    for content in (
        b"",
        b"ENCUT = 500\n",
        tarred("POSCAR", b"Li\n"),
        zipped("a.gz", gzip.compress(b"text")),
        b"\x1f\x8b?",
    ):
        assert clean(content) is None


@pytest.mark.parametrize(
    "content", [TEXT, gzip.compress(TEXT), tarred("POTCAR", TEXT), zipped("run.tar.gz", tarred("a/POTCAR", TEXT))]
)
def test_it_is_cut_at_any_depth(content):
    assert holds(content)
    cleaned = clean(content)
    assert len(cleaned.facts) == 1
    result = cleaned.stream.read()
    assert not holds(result)
    assert holds(result, b"PAW_PBE Li_sv PLACEHOLDER")
    assert clean(result) is None


def test_the_other_members_stay():
    with zipfile.ZipFile(clean(zipped("run.tar.gz", tarred("POTCAR", TEXT))).stream) as packed:
        assert packed.read("readme.txt") == b"files of a run"
        with tarfile.open(fileobj=io.BytesIO(packed.read("run.tar.gz"))) as inner:
            assert inner.extractfile("INCAR").read() == b"ENCUT = 500\n"


def test_what_only_looks_packed_is_looked_through_as_it_is():
    for magic in (b"\x1f\x8b", b"PK\x03\x04", b"BZh9"):
        assert not holds(clean(magic + b"\n" + TEXT).stream.read())


def test_names_that_lead_out_of_the_folder_write_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not holds(clean(zipped("../../outside", TEXT)).stream.read())
    assert not holds(clean(tarred("../../outside", TEXT)).stream.read())
    assert list(tmp_path.parent.rglob("outside")) == []


def test_bombs_are_refused(monkeypatch):
    monkeypatch.setattr(nested, "MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(ArchiveError, match="unpacks to more"):
        clean(gzip.compress(b"0" * (3 << 20)))
    content = TEXT
    for _ in range(nested.MAX_DEPTH + 1):
        content = gzip.compress(content)
    with pytest.raises(ArchiveError, match="packed into each other"):
        clean(content)

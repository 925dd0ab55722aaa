"""Every kind of archive that is damaged, hostile or from the future ends in one line, and nothing is written."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.manifest import KEY
from aiida_concerted.cli.main import cli, run_reporting_errors
from aiida_concerted.data.results import DiffusivityData
from tests.archive.potcars import marked_potcar
from tests.archive.test_manifest import rewrite

HASH = "0" * 64


@pytest.fixture(scope="module")
def original(aiida_profile, tmp_path_factory):
    """Return an archive of a folder of random bytes, which do not pack."""
    folder = orm.FolderData()
    folder.base.repository.put_object_from_bytes(os.urandom(50_000), "data.bin")
    path = tmp_path_factory.mktemp("whole") / "some.aiida"
    create_clean_archive([folder.store()], path)
    return path


@pytest.fixture
def path(original, tmp_path):
    return Path(shutil.copy(original, tmp_path / "some.aiida"))


def add(path, name, content=b"x", *, mode=0, packing=zipfile.ZIP_STORED):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = packing
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, content)


def alter_manifest(path, **values):
    def change(name, content):
        if name != "metadata.json":
            return content
        metadata = json.loads(content)
        metadata[KEY].update(values)
        return json.dumps(metadata).encode()

    rewrite(path, change)


def flip(path, name):
    """Alter one byte in the middle of a member as it lies in the file."""
    with zipfile.ZipFile(path) as archive:
        info = next(info for info in archive.infolist() if info.filename.startswith(name) and info.file_size)
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len(info.filename) + info.compress_size // 2] ^= 0xFF
    path.write_bytes(content)


def encrypted(path):
    """Say of every member that it is encrypted, in both headers."""
    content = path.read_bytes()
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(signature, start + 1)) >= 0:
            flags = content[start + place] | 1
            content = content[: start + place] + bytes([flags]) + content[start + place + 1 :]
    path.write_bytes(content)


def truncated(path):
    path.write_bytes(path.read_bytes()[:-2000])


def many_small_bombs(path):
    """Pack zeros into members each of which is below the size that is looked at alone."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for number in range(3):
            archive.writestr(f"repo/{number:064x}", bytes(40 << 20))


BAD = {
    "no zip": (lambda path: path.write_text("years of work"), "is no AiiDA archive, or damaged"),
    "empty": (lambda path: path.write_bytes(b""), "is no AiiDA archive, or damaged"),
    "truncated": (truncated, "is no AiiDA archive, or damaged"),
    "an altered byte of the database": (lambda path: flip(path, "db.sqlite3"), "damaged"),
    "no database": (lambda path: _zip(path, "metadata.json"), "is no AiiDA archive"),
    "no metadata": (lambda path: _zip(path, "db.sqlite3"), "is no AiiDA archive: it holds no metadata.json"),
    "metadata that are no JSON": (
        lambda path: rewrite(path, lambda name, text: b"{" if name == "metadata.json" else text),
        "metadata.json is damaged",
    ),
    "a database that is none": (
        lambda path: rewrite(path, lambda name, text: b"x" * 5000 if name == "db.sqlite3" else text), "damaged"
    ),
    "a path outside": (lambda path: add(path, "../../evil"), "holds '../../evil', which no AiiDA archive does"),
    "a path outside below repo": (lambda path: add(path, "repo/../../evil"), "holds 'repo/../../evil'"),
    "an absolute path": (lambda path: add(path, "/etc/cron.d/evil"), "holds '/etc/cron.d/evil'"),
    "a path of Windows": (lambda path: add(path, "repo\\..\\evil"), "which no AiiDA archive does"),
    "a name with control characters": (lambda path: add(path, "repo/\x1b[2Jevil"), "holds 'repo/\\x1b[2Jevil'"),
    "a symbolic link": (
        lambda path: add(path, f"repo/{HASH}", b"/etc/passwd", mode=stat.S_IFLNK | 0o777),
        "is a link, as in no AiiDA archive",
    ),
    "a device": (lambda path: add(path, f"repo/{HASH}", mode=stat.S_IFCHR | 0o666), "is no file, as in no AiiDA"),
    "encrypted": (encrypted, "is encrypted, as in no AiiDA archive"),
    "packed in another way": (
        lambda path: add(path, f"repo/{HASH}", packing=zipfile.ZIP_LZMA), "is packed in another way"
    ),
    "a pickle beside": (lambda path: add(path, "model.pkl", b"cos\nsystem\n."), "holds 'model.pkl'"),
    "many small bombs": (many_small_bombs, "would unpack to 0.1 GB from"),
    "a member twice": (lambda path: add(path, "db.sqlite3"), "names a member twice"),
    "a newer manifest": (
        lambda path: alter_manifest(path, schema="aiida-concerted/archive-manifest/2"), "is of a newer aiida-concerted"
    ),
    "a manifest that is none": (lambda path: alter_manifest(path, schema=[1]), "its manifest is damaged"),
    "a manifest of other types": (lambda path: alter_manifest(path, software="all"), "its manifest is damaged"),
    "a cut of other types": (
        lambda path: alter_manifest(path, cut={"left_out": {"Dict": {"nodes": "1", "bytes": None}}}),
        "its manifest is damaged",
    ),
    "a newer archive of AiiDA": (
        lambda path: rewrite(
            path,
            lambda name, text: json.dumps({**json.loads(text), "export_version": "main_9999"}).encode()
            if name == "metadata.json" else text,
        ),
        "cannot be opened",
    ),
}  # fmt: skip
"""How an archive is spoilt, and what is said."""


def _zip(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", list(BAD))
@pytest.mark.parametrize("command", ["inspect", "verify", "scrub"])
def test_each_is_refused_in_one_line(path, kind, command, capsys):
    if command == "scrub" and kind == "a newer archive of AiiDA":
        pytest.skip("scrub looks for text in it and does not ask what it means")
    spoil, said = BAD[kind]
    spoil(path)
    assert run_reporting_errors(lambda: cli.main(["archive", command, str(path)], standalone_mode=False)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: ")
    assert said in line
    assert path.name in line
    assert [entry.name for entry in path.parent.iterdir()] == ["some.aiida"]


def test_an_altered_byte_of_a_file_is_found(path, capsys):
    flip(path, "repo/")
    assert run_reporting_errors(lambda: cli.main(["archive", "verify", str(path)], standalone_mode=False)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is damaged (Bad CRC-32 for file 'repo/" in line


def test_a_pickle_in_a_result_is_never_loaded(aiida_profile, tmp_path, capsys):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    buffer = io.BytesIO()
    np.savez(buffer, lag_ps=np.array([Evil()], dtype=object))
    buffer.seek(0)
    node = DiffusivityData(
        {"material": "LGPS", "formula": "Li", "carrier": "Li", "level_of_theory": "PBE", "n_atoms": 1,
         "temperature_K": 300.0, "diffusivity_m2_s": 1.0, "diffusivity_stderr_m2_s": 1.0, "sampling": "sufficient",
         "duration_ps": 1.0, "method": "none"}
    )  # fmt: skip
    node.base.repository.put_object_from_filelike(buffer, "arrays.npz")
    path = tmp_path / "evil.aiida"
    create_clean_archive([node.store()], path)
    command = ["archive", "inspect", str(path), "--figures", str(tmp_path / "figures")]
    assert run_reporting_errors(lambda: cli.main(command, standalone_mode=False)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be drawn" in line
    assert "allow_pickle=False" in line
    assert not (tmp_path / "evil").exists()


def test_text_of_a_potcar_is_said_by_verify(aiida_profile, tmp_path, capsys):
    from aiida.tools.archive import create_archive

    node = orm.FolderData()
    node.base.repository.put_object_from_bytes(marked_potcar().encode(), "POTCAR")
    path = tmp_path / "theirs.aiida"
    create_archive([node.store()], filename=path)
    assert run_reporting_errors(lambda: cli.main(["archive", "verify", str(path)], standalone_mode=False)) == 1
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("It has no manifest") for line in said)
    assert any(line.startswith("Do not share it: it holds the text of POTCARs.") for line in said)

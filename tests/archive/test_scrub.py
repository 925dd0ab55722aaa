"""A scrubbed archive holds no text of a POTCAR in any byte, and can still be imported and used."""

from __future__ import annotations

import json
import zipfile

import pytest
from aiida import orm
from aiida.tools.archive import create_archive

from aiida_concerted.archive import scrub
from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.reading import open_archive
from aiida_concerted.archive.scrub import EXTRA_FILES, EXTRA_HEADER, holds_licensed_text, scrub_archive
from tests.archive.potcars import holds_in, marked_potcar, tarred, zipped

TEXT = marked_potcar("Ge_d", "Ge").encode()


@pytest.fixture(scope="module")
def retrieved(aiida_profile, tmp_path_factory):
    """Return the files of a run that retrieved its POTCAR in four ways, in a profile with a family of potentials."""
    from aiida_vasp.data.potcar import PotcarData

    aiida_profile.reset_storage()  # what other tests left unfinished cannot be archived
    folder = tmp_path_factory.mktemp("potcars") / "Li_sv"
    folder.mkdir()
    (folder / "POTCAR").write_text(marked_potcar())
    PotcarData.upload_potcar_family(str(folder.parent), "marked", "test", stop_if_existing=False)
    node = orm.FolderData()
    node.base.repository.put_object_from_bytes(b"OUTCAR of the run\n", "OUTCAR")
    node.base.repository.put_object_from_bytes(TEXT, "raw/POTCAR")
    node.base.repository.put_object_from_bytes(tarred("POTCAR", TEXT), "inputs.tar.gz")
    node.base.repository.put_object_from_bytes(zipped("inputs.tar.gz", tarred("POTCAR", TEXT)), "all.zip")
    node.store()
    orm.Dict({"incar": {"encut": 500}, "potcar": TEXT.decode()}).store()
    return node


@pytest.fixture
def dirty(retrieved, tmp_path):
    """Return an archive of the whole profile as AiiDA makes it."""
    path = tmp_path / "all.aiida"
    create_archive(None, filename=path)
    assert holds_in(path)
    assert holds_licensed_text(path)
    return path


def test_no_byte_of_it_stays(dirty, retrieved, tmp_path):
    before, target = dirty.read_bytes(), tmp_path / "clean.aiida"
    report = scrub_archive(dirty, target)
    assert not holds_in(target)
    assert not holds_licensed_text(target)
    assert dirty.read_bytes() == before
    assert (report.n_nodes, report.n_objects, report.n_records) == (1, 3, 1)
    assert {fact.titel for fact in report.potentials.values()} == {
        "PAW_PBE Li_sv PLACEHOLDER", "PAW_PBE Ge_d PLACEHOLDER",
    }  # fmt: skip
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert {fact["enmax_eV"] for fact in json.loads(archive.read("metadata.json"))["potcar_text_removed"]} == {
            "400.000"
        }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.aiida", "clean.aiida"]


def test_what_names_the_potentials_stays(dirty, retrieved, tmp_path):
    target = tmp_path / "clean.aiida"
    scrub_archive(dirty, target)
    with open_archive(target) as backend:

        def find(**filters):
            return orm.QueryBuilder(backend=backend).append(orm.Node, filters=filters).first(flat=True)

        facade = find(node_type={"like": "data.vasp.potcar.%"})
        assert facade.base.attributes.get("title") == "PAW_PBE Li_sv PLACEHOLDER"
        assert len(facade.base.attributes.get("sha512")) == 128
        assert facade.base.extras.get(EXTRA_HEADER)[0]["lexch"] == "PE"
        files = find(uuid=retrieved.uuid)
        assert files.base.extras.get(EXTRA_FILES) == ["all.zip", "inputs.tar.gz", "raw/POTCAR"]
        assert "_aiida_hash" not in files.base.extras.all
        assert files.base.repository.get_object_content("OUTCAR") == "OUTCAR of the run\n"
        assert "ZVAL   = 14.000" in files.base.repository.get_object_content("raw/POTCAR")
        groups = orm.QueryBuilder(backend=backend).append(orm.Group, filters={"label": "marked"}).first(flat=True)
        assert groups.count() == 1
        settings = find(**{"attributes.incar.encut": 500})
        assert "TITEL  = PAW_PBE Ge_d PLACEHOLDER" in settings.base.attributes.get("potcar")


def test_a_clean_archive_is_a_copy(retrieved, tmp_path):
    path, target = tmp_path / "dict.aiida", tmp_path / "copy.aiida"
    create_archive([orm.Dict({"a": 1}).store()], filename=path)
    assert scrub_archive(path, target).is_clean
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target) as new:
        assert json.loads(old.read("metadata.json")) == json.loads(new.read("metadata.json"))
        assert sorted(new.namelist()) == sorted(name for name in old.namelist() if name != "repo/")


def test_a_new_archive_never_holds_it(retrieved, tmp_path):
    path = tmp_path / "run.aiida"
    removed = create_clean_archive([retrieved], path)
    assert removed.potcars.n_objects == 3
    assert not holds_in(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.aiida"]


def test_what_cannot_be_cleaned_is_not_left_behind(dirty, tmp_path, monkeypatch):
    monkeypatch.setattr(scrub, "holds_licensed_text", lambda path: True)
    with pytest.raises(ArchiveError, match="could not be taken out"):
        scrub_archive(dirty, tmp_path / "clean.aiida")
    assert [entry.name for entry in tmp_path.iterdir()] == ["all.aiida"]


def test_a_target_that_cannot_be_written_is_one_line(dirty, tmp_path):
    with pytest.raises(ArchiveError, match=r"cannot write .*absent"):
        scrub_archive(dirty, tmp_path / "absent" / "clean.aiida")
    assert [entry.name for entry in tmp_path.iterdir()] == ["all.aiida"]


def _damaged(path, kind):
    content = path.read_bytes()
    if kind == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "no zip":
        path.write_bytes(b"not an archive")
    elif kind == "other zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("thesis.tex", "years of work")
    elif kind == "leads out":
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("../../evil", "x")
    elif kind == "object":
        with zipfile.ZipFile(path) as archive:
            info = next(i for i in archive.infolist() if i.filename.startswith("repo/") and i.file_size > 100)
        start = info.header_offset + 30 + len(info.filename) + 20
        path.write_bytes(content[:start] + b"\xff" * 20 + content[start + 20 :])
    elif kind == "database":
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, b"SQLite format 3\x00" + b"\x00" * 500 if name == "db.sqlite3" else data)
    else:
        path.unlink()


@pytest.mark.parametrize("kind", ["cut off", "no zip", "other zip", "leads out", "object", "database", "absent"])
def test_damage_is_one_line(retrieved, tmp_path, kind):
    path = tmp_path / "damaged.aiida"
    create_archive([retrieved], filename=path)
    _damaged(path, kind)
    attempts = [lambda: scrub_archive(path, tmp_path / "clean.aiida"), lambda: _open(path)]
    for attempt in attempts[:1] if kind == "object" else attempts:
        with pytest.raises(ArchiveError) as caught:
            attempt()
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir() if entry != path] == []


def _open(path):
    with open_archive(path) as backend:
        orm.QueryBuilder(backend=backend).append(orm.Node).count()


def test_it_can_be_imported_and_potentials_uploaded_after(dirty, tmp_path, aiida_config, aiida_profile_factory):
    from aiida.manage import get_manager
    from aiida.tools.archive import import_archive
    from aiida_vasp.data.potcar import PotcarData, PotcarFileData

    target = tmp_path / "clean.aiida"
    scrub_archive(dirty, target)
    manager = get_manager()
    previous = manager.get_profile()
    with aiida_profile_factory(aiida_config, name="imported"):
        import_archive(target)
        assert orm.QueryBuilder().append(PotcarFileData).count() == 0
        facade = orm.QueryBuilder().append(PotcarData).first(flat=True)
        folder = tmp_path / "own" / "Li_sv"
        folder.mkdir(parents=True)
        (folder / "POTCAR").write_text(marked_potcar())
        PotcarData.upload_potcar_family(str(folder.parent), "own", "test", stop_if_existing=False)
        assert "PAW_PBE Li_sv" in facade.find_file_node().get_content().decode()
    manager.load_profile(previous.name, allow_switch=True)

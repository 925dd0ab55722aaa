"""An archive may be any archive: nothing of it lands outside the folder, and no more than can be."""

import io
import tarfile

import pytest

from aiida_concerted.common.tar_files import unpack_files

NAMES = ("a.dcd", "b.dcd")


def archive(path, *members, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, content, changes in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in changes.items():
                setattr(info, key, value)
            file.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_files_that_are_named_are_written_and_no_others(tmp_path, mode):
    members = [("ab/cd/a.dcd", b"frames", {}), ("ab/cd/other", b"x" * 10_000, {}), ("b.dcd", b"more", {})]
    folder = tmp_path / "out"
    folder.mkdir()
    assert unpack_files(archive(tmp_path / "x", *members, mode=mode), NAMES, folder, max_bytes=10) == list(NAMES)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"a.dcd": b"frames", "b.dcd": b"more"}


@pytest.mark.parametrize("name", ["/etc/a.dcd", "../../a.dcd", "x/../../../a.dcd"])
def test_no_path_of_the_archive_leads_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    unpack_files(archive(tmp_path / "x", (name, b"frames", {})), NAMES, folder, max_bytes=10)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.dcd")] == ["deep/out/a.dcd"]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("a.dcd", b"12345678901", {})], "more than the 10 bytes"),
        ([("a.dcd", b"123456", {}), ("b.dcd", b"123456", {})], "more than the 10 bytes"),
        ([("a.dcd", b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})], "not as a file"),
        ([("a.dcd", b"", {"type": tarfile.LNKTYPE, "linkname": "b.dcd"})], "not as a file"),
        ([("a.dcd", b"", {"type": tarfile.FIFOTYPE})], "not as a file"),
        ([("x/a.dcd", b"1", {}), ("y/a.dcd", b"2", {})], "twice"),
    ],
)
def test_what_is_no_plain_file_or_too_large_is_refused(tmp_path, members, reason):
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ValueError, match=reason):
        unpack_files(archive(tmp_path / "x", *members), NAMES, folder, max_bytes=10)


def test_an_archive_that_is_cut_off_is_refused(tmp_path):
    path = archive(tmp_path / "x", ("a.dcd", b"x" * 100_000, {}), mode="w:gz")
    path.write_bytes(path.read_bytes()[:-20])
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"cut off|cannot be unpacked"):
        unpack_files(path, NAMES, folder, max_bytes=1_000_000)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack_files(path, NAMES, folder, max_bytes=1_000_000)


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "a.dcd").write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        unpack_files(archive(tmp_path / "x", ("a.dcd", b"frames", {})), NAMES, tmp_path, max_bytes=10)
    assert (tmp_path / "a.dcd").read_bytes() == b"mine"

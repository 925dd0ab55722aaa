"""What an archive would hold is told without writing it, and is what it then holds."""

from __future__ import annotations

import pytest
from aiida import orm
from click.testing import CliRunner

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.cut import Content, Cut
from aiida_concerted.archive.errors import ArchiveError
from aiida_concerted.archive.graph import Amount
from aiida_concerted.archive.plan import plan_archive
from aiida_concerted.archive.reading import open_archive
from aiida_concerted.cli.archive_size import size_of
from aiida_concerted.cli.archive_text import describe_contents
from aiida_concerted.cli.main import cli
from tests.archive.studies import RAW_BYTES, ended_study


@pytest.fixture(scope="module")
def study(aiida_profile):
    return ended_study()


def create(*words):
    return CliRunner().invoke(cli, ["archive", "create", *map(str, words)], catch_exceptions=False).stdout


@pytest.mark.parametrize("content", list(Content))
def test_what_is_planned_is_what_is_written(study, tmp_path, content):
    plan = plan_archive([study], content=content)
    assert list(tmp_path.iterdir()) == []
    path = tmp_path / "study.aiida"
    removed = create_clean_archive([study], path, content=content, keep_identity=True)
    assert (plan.contents, plan.cut) == (removed.contents, removed.cut)
    with open_archive(path) as backend:
        number = orm.QueryBuilder(backend=backend).append(orm.Node).count()
    assert sum(amount.nodes for amount in removed.contents.values()) == number
    with_folders = content is Content.FULL
    assert removed.contents.get("FolderData") == (Amount(n := 2, n * RAW_BYTES) if with_folders else None)


def test_without_callers_only_what_is_behind_is_taken(study):
    result = study.outputs.sweep.diffusivities.run_T800
    plan = plan_archive([result], with_callers=False)
    assert "StudyWorkChain" in plan_archive([result]).contents
    assert "StudyWorkChain" not in plan.contents
    assert plan.contents["DiffusivityData"].nodes == 1


def test_what_runs_is_refused_as_when_writing(aiida_profile):
    running = orm.WorkChainNode().store()
    with pytest.raises(ArchiveError, match="what has not ended cannot be archived"):
        plan_archive([running])


def test_a_dry_run_shows_the_table_and_writes_nothing(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = create(study.pk, "--content", "frames", "-o", "study.aiida", "--dry-run").splitlines()
    assert lines[0].split() == ["kind", "of", "node", "nodes", "files", "left", "out", "files"]
    cells = {line.split()[0]: line.split()[1:] for line in lines}
    assert cells["FolderData"] == ["–", "–", "2", "0.6", "MB"]
    assert cells["DiffusivityData"][0] == "2"
    assert cells["total"][3:] == ["4", "0.6", "MB"]
    assert lines[-1] == "Nothing was written. Sizes are those before compression."
    assert list(tmp_path.iterdir()) == []
    written = create(study.pk, "--content", "frames", "-o", "study.aiida").splitlines()
    assert [line for line in written if line.startswith("total")] == [line for line in lines if line[:5] == "total"]
    assert (tmp_path / "study.aiida").is_file()


def test_a_name_is_needed_to_write(study):
    result = CliRunner().invoke(cli, ["archive", "create", str(study.pk)])
    assert result.exit_code == 2
    assert "name the archive with -o FILE" in result.stderr


def test_the_table_without_a_cut_has_no_columns_for_it():
    lines = describe_contents({"Dict": Amount(12, 0), "Traj\x1b[2Jectory": Amount(2, 3_400_000)}, None)
    assert lines == [
        "kind of node   nodes   files", "────────────────────────────", "Traj[2Jectory      2  3.4 MB",
        "Dict              12     0 B", "total             14  3.4 MB",
    ]  # fmt: skip


def test_a_long_table_sums_up_the_small():
    contents = {f"Kind{number:02d}": Amount(1, 1000 * number) for number in range(30)}
    left_out = {"Kind00": Amount(5, 0), "Raw": Amount(1, 10**6)}
    lines = describe_contents(contents, Cut(Content.FRAMES, left_out, ()))
    assert len(lines) == 2 + 20 + 2
    assert lines[2].split() == ["Raw", "–", "–", "1", "1.0", "MB"]
    assert lines[3].split() == ["Kind29", "1", "29.0", "kB", "–", "–"]
    assert lines[-2].split() == ["11", "other", "kinds", "11", "55.0", "kB", "5", "0", "B"]
    assert lines[-1].split() == ["total", "30", "0.4", "MB", "6", "1.0", "MB"]


def test_sizes():
    assert [size_of(number) for number in (0, 99, 1234, 250_000, 3_210_000_000)] == [
        "0 B", "99 B", "1.2 kB", "0.2 MB", "3.21 GB",
    ]  # fmt: skip

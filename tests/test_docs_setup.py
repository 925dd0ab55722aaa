"""The setup files of the page can be used as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from aiida_concerted.environment.setup.reading import parse_setup
from aiida_concerted.environment.setup.schema import SCHEMA
from aiida_concerted.surrogate.potcar import write_placeholder_potcars
from tests.cli.session import run_session

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "setup.md"
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def block(first_line):
    return next(text for text in BLOCKS if text.startswith(first_line))


def test_the_files_of_the_page_show_what_they_would_make(tmp_path):
    write_placeholder_potcars(tmp_path / "potpaw_PBE.54", {"Li_sv": "Li"})
    for name in ("own.yaml", "cluster.yaml"):
        (tmp_path / name).write_text(block(f"# {name}"))
    own, cluster = run_session(
        tmp_path,
        *(("setup", tmp_path / name, "--dry-run") for name in ("own.yaml", "cluster.yaml")),
        HOME=str(tmp_path),
    )
    assert (own.status, own.err, cluster.status, cluster.err) == (0, "", 0, "")
    for label in ("dp", "lmp", "vasp"):
        assert f"code {label}@here" in own.out
        assert f"code {label}@cluster" in cluster.out
    assert "1 POTCAR files" in cluster.out


def test_the_database_server_of_the_page_is_understood(tmp_path):
    wishes = parse_setup({"schema": SCHEMA, **yaml.safe_load(block("profile:"))}, folder=tmp_path)
    assert wishes.profile.connection == {
        "host": "localhost", "port": 5432, "database": "concerted", "user": "concerted",
    }  # fmt: skip
    assert wishes.profile.password_variable == "PGPASSWORD"
    assert wishes.profile.broker == "rabbitmq"
    assert "PGPASSWORD" in PAGE.read_text(encoding="utf-8")

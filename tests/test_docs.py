"""What the pages say can be typed: commands, options and links exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from aiida_concerted.cli.main import cli

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
COMMAND = "aiida-concerted "
PLACEHOLDER = "123"


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fenced_lines(text: str) -> list[str]:
    blocks = re.findall(r"```[a-z]*\n(.*?)```", text, flags=re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def commands() -> list[tuple[str, str]]:
    return [
        (name_of(page), line.split("#")[0].split(">")[0].strip())
        for page in PAGES
        for line in fenced_lines(page.read_text(encoding="utf-8"))
        if line.startswith(COMMAND)
    ]


def parse(group: click.Group, words: list[str]) -> None:
    """Parse a command line as click does, files needing not to be there."""
    command: click.Command = group
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"there is no command '{words[0]}'"
        command, words = found, words[1:]
    command.make_context(command.name, words, resilient_parsing=True)


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 8


@pytest.mark.parametrize(("page", "line"), commands())
def test_a_command_of_a_page_is_understood(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    parse(cli, [PLACEHOLDER if word in ("PK", "UUID") else word for word in words if word != "…"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            assert (page.parent / target.split("#")[0]).exists(), f"{name_of(page)} points to {target}"


@pytest.mark.parametrize("index", sorted(ROOT.glob("docs/**/index.md")), ids=name_of)
def test_tables_of_contents_name_pages_that_exist(index: Path) -> None:
    for block in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(encoding="utf-8"), flags=re.DOTALL):
        for entry in (line.strip() for line in block.splitlines()):
            if entry and not entry.startswith(":"):
                assert (index.parent / f"{entry}.md").exists(), f"{name_of(index)} lists {entry}"


def test_every_page_is_listed() -> None:
    listed = {
        (index.parent / f"{line.strip()}.md").resolve()
        for index in ROOT.glob("docs/**/index.md")
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(encoding="utf-8"), flags=re.DOTALL)
        for line in block.splitlines()
    }
    missing = [name_of(page) for page in ROOT.glob("docs/**/*.md") if page.resolve() not in listed]
    assert missing == ["docs/index.md"]

"""What the pages say can be typed: commands, options and links exist."""

from __future__ import annotations

import importlib.util
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
GENERATED = ROOT / "docs" / "reference" / "generated"


def load_reference_pages():
    spec = importlib.util.spec_from_file_location("reference_pages", ROOT / "docs" / "reference_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def is_there(path: Path) -> bool:
    """Return whether a page exists, or is one of those that the build of the documentation makes."""
    path = path.resolve()
    return path.name in load_reference_pages().PAGES if path.parent == GENERATED else path.exists()


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
            assert is_there(page.parent / target.split("#")[0]), f"{name_of(page)} points to {target}"


@pytest.mark.parametrize("index", sorted(ROOT.glob("docs/**/index.md")), ids=name_of)
def test_tables_of_contents_name_pages_that_exist(index: Path) -> None:
    for block in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(encoding="utf-8"), flags=re.DOTALL):
        for entry in (line.strip() for line in block.splitlines()):
            if entry and not entry.startswith(":"):
                assert is_there(index.parent / f"{entry}.md"), f"{name_of(index)} lists {entry}"


def test_every_page_is_listed() -> None:
    listed = {
        (index.parent / f"{line.strip()}.md").resolve()
        for index in ROOT.glob("docs/**/index.md")
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text(encoding="utf-8"), flags=re.DOTALL)
        for line in block.splitlines()
    }
    missing = [name_of(page) for page in ROOT.glob("docs/**/*.md") if page.resolve() not in listed]
    assert missing == ["docs/index.md"]


@pytest.fixture(scope="module")
def reference_pages():
    return load_reference_pages()


def test_the_reference_names_every_process_port_exit_code_and_field(reference_pages, tmp_path):
    reference_pages.write_pages(tmp_path / "generated")
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (tmp_path / "generated").iterdir()}
    for page, group in (("calculations", "aiida.calculations"), ("workflows", "aiida.workflows")):
        for point in reference_pages.ours(group):
            process = point.load()
            if not hasattr(process, "spec"):
                continue
            section = pages[page].split(f"\n## {point.name}\n")[1].split("\n## ")[0]
            for name in process.spec().inputs:
                assert f"`{name}" in section or name in reference_pages.HIDDEN
            for label, code in process.spec().exit_codes.items():
                assert not code.status or f"`{label}`" in section
    for point in reference_pages.ours("aiida.data"):
        fields = getattr(point.load(), "FIELDS", {})
        assert all(f"| `{name}` |" in pages["results"] for name in fields)
    assert pages["protocols"].count("literalinclude") >= 12


def test_pages_that_would_not_change_are_left_alone(reference_pages, tmp_path):
    folder = tmp_path / "generated"
    reference_pages.write_pages(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    reference_pages.write_pages(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_no_two_sections_of_the_reference_share_a_label(reference_pages, tmp_path):
    reference_pages.write_pages(tmp_path / "generated")
    labels = [
        label
        for page in (tmp_path / "generated").iterdir()
        for label in re.findall(r"^\((.+)\)=$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    ]
    assert labels
    assert len(labels) == len(set(labels))

"""A finished calculation made of files, to be parsed without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import CalcJob
from aiida.plugins import ParserFactory


def parse_files(
    process_class: type[CalcJob],
    computer: orm.Computer,
    inputs: dict[str, orm.Data],
    kept: dict[str, str | bytes],
    temporary: Path,
    entry_point: str,
) -> tuple[dict[str, orm.Data], Any]:
    """Return the outputs, checked against the spec, and the exit code of parsing these files.

    :param inputs: input nodes by link label, nested names joined by two underscores.
    :param kept: content of the retrieved files by name.
    :param temporary: folder that stands for the temporarily retrieved files.
    """
    node = orm.CalcJobNode(computer=computer, process_type=f"aiida.calculations:{entry_point}")
    node.set_options({"resources": {"num_machines": 1}, "parser_name": entry_point})
    for label, data in inputs.items():
        node.base.links.add_incoming(data if data.is_stored else data.store(), LinkType.INPUT_CALC, label)
    node.store()
    retrieved = orm.FolderData()
    for name, content in kept.items():
        retrieved.base.repository.put_object_from_bytes(content.encode() if isinstance(content, str) else content, name)
    retrieved.base.links.add_incoming(node, LinkType.CREATE, "retrieved")
    retrieved.store()
    parser = ParserFactory(entry_point)(node)
    exit_code = parser.parse(retrieved_temporary_folder=str(temporary))
    for label, data in parser.outputs.items():
        port = process_class.spec().outputs[label]
        assert isinstance(data, port.valid_type), f"{label} is a {type(data).__name__}"
    return dict(parser.outputs), exit_code

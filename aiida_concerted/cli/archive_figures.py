"""Figures of the results in an archive, drawn without importing it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def draw_archive(path: Path, folder: Path) -> Iterator[Path]:
    """Yield the files of figures written for the results in an archive, named by kind and UUID.

    A result that a kind of figure cannot be drawn for, or that holds nothing to draw, has none. Trajectories are not
    read.

    :param folder: made where it does not exist.
    :raises ArchiveError: if the archive cannot be read, or a result in it is damaged.
    """
    from aiida import orm

    from aiida_concerted.archive.errors import ArchiveError
    from aiida_concerted.archive.reading import open_archive
    from aiida_concerted.plotting.files import write_figure
    from aiida_concerted.report.node_figures import KINDS, NothingToDrawError, figure_of_node

    folder.mkdir(parents=True, exist_ok=True)
    with open_archive(path) as backend:
        builder = orm.QueryBuilder(backend=backend)
        builder.append(orm.Data, filters={"node_type": {"like": "data.concerted.%"}})
        for node in builder.all(flat=True):
            for name, kind in KINDS.items():
                if kind.parts or not isinstance(node, orm.Data) or not isinstance(node, kind.results):
                    continue
                try:
                    figure = figure_of_node(name, node).figure
                except NothingToDrawError:
                    continue
                except ValueError as error:
                    reason = " ".join(str(error).split())
                    raise ArchiveError(
                        f"{path}: {type(node).__name__} {node.uuid[:8]} cannot be drawn as '{name}' ({reason}): "
                        "'aiida-concerted archive verify' looks at its files"
                    ) from error
                yield write_figure(figure, folder / f"{name}-{node.uuid[:8]}.png")

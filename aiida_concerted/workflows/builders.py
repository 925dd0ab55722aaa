"""Parts of builders put into the builder of a larger work chain."""

from __future__ import annotations

from typing import Any

from aiida.engine import ProcessBuilder


def inputs_of(builder: ProcessBuilder, *without: str) -> dict[str, Any]:
    """Return what is set in a builder as nested dictionary, to be put into a namespace of another builder.

    :param without: inputs that the larger work chain sets when it runs, dots between the levels of namespaces.
    """
    inputs: dict[str, Any] = builder._inputs(prune=True)
    for path in without:
        *namespaces, name = path.split(".")
        level: Any = inputs
        for namespace in namespaces:
            level = level.get(namespace, {})
        level.pop(name, None)
    return inputs

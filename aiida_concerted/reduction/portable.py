"""Results of a reduction in two files, numbers to the last digit: JSON, and an npz without Python objects."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from aiida_concerted import __version__
from aiida_concerted.common.files import write_at_once
from aiida_concerted.reduction.contents import ResultContent
from aiida_concerted.reduction.files import arrays_content, read_arrays, read_json

SCHEMA = "aiida-concerted/reduced/1"
RESULTS, ARRAYS = "reduced.json", "reduced.npz"


@dataclass(frozen=True)
class Reduced:
    """What a reduction found.

    :param facts: what the node of the run's trajectory says for queries, formula aside.
    :param segments: the segments with the digests of their files, JSON-compatible.
    :param contents: results by name: ``diffusivity``, ``history``, ``statistics``, ``modes``.
    :param judgement: how well the run knows what was asked for, where that was asked for.
    :param refused: why a result is missing, by ``diffusivity`` or ``sites``.
    :param failure: kind of failure and its reason, where there is nothing else.
    :param version: version of the software that made it.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, ResultContent] = field(default_factory=dict)
    judgement: dict[str, Any] | None = None
    refused: dict[str, str] = field(default_factory=dict)
    failure: tuple[str, str] | None = None
    version: str = __version__


def write_reduced(folder: Path, reduced: Reduced) -> None:
    """Write both files, the one that says what there is last; each is there whole or not at all.

    :raises OSError: if the folder cannot be written to.
    """
    arrays = {f"{part}.{name}": a for part, content in reduced.contents.items() for name, a in content.arrays.items()}
    write_at_once(folder / ARRAYS, arrays_content(arrays))
    content = {
        "schema": SCHEMA,
        "version": reduced.version,
        "facts": reduced.facts,
        "segments": reduced.segments,
        "contents": {
            part: {"attributes": content.attributes, "result": content.result}
            for part, content in reduced.contents.items()
        },
        "judgement": reduced.judgement,
        "refused": reduced.refused,
        "failure": None if reduced.failure is None else list(reduced.failure),
    }
    write_at_once(folder / RESULTS, json.dumps(content, allow_nan=False))


def read_reduced(folder: Path) -> Reduced:
    """Return what was written.

    :raises ValueError: if the files are missing, damaged, or of another schema.
    """
    try:
        content = read_json(folder / RESULTS)
        arrays = read_arrays(folder / ARRAYS)
        if content["schema"] != SCHEMA:
            raise ValueError(f"{RESULTS} is of the schema {content['schema']!r}, this version reads {SCHEMA}")
        failure = content["failure"]
        return Reduced(
            facts=content["facts"],
            segments=content["segments"],
            contents={
                part: ResultContent(of["attributes"], of["result"], _of_part(arrays, part))
                for part, of in content["contents"].items()
            },
            judgement=content["judgement"],
            refused=content["refused"],
            failure=None if failure is None else (str(failure[0]), str(failure[1])),
            version=str(content["version"]),
        )
    except OSError as error:
        raise ValueError(f"{Path(error.filename or RESULTS).name} is not there: {error.strerror}") from None
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{RESULTS} is no result of a reduction: {type(error).__name__} {error}") from None


def _of_part(arrays: Mapping[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    return {name.partition(".")[2]: array for name, array in arrays.items() if name.partition(".")[0] == part}

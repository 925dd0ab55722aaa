"""A job of a reduction says in its result why there is none, where another try would end in the same way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aiida_concerted.common.files import machine_error
from aiida_concerted.reduction.segments import UNREADABLE, ReductionError

BAD_REQUEST = "request"
"""Why a request that cannot be understood gives nothing."""

Failure = tuple[str, str]
"""Kind of a failure, :data:`BAD_REQUEST` or one of a ``ReductionError``, and its reason."""


@contextmanager
def told_failures(tell: Callable[[Failure], object], request: str, folder: Path) -> Iterator[None]:
    """Tell why a request gives no result before the error goes on, in one line.

    What the machine could not do is not told: a job without a result is one that may be run again.

    :param tell: writes the result.
    :param request: name of the file of the request.
    :param folder: where the work is done.
    :raises ValueError: if the request or what it asks for cannot be read.
    :raises OSError: if the machine cannot read or write.
    """
    try:
        yield
    except ReductionError as error:
        tell((error.kind, str(error)))
        raise
    except (KeyError, TypeError, ValueError, OSError) as error:
        if (machine := machine_error(error)) is not None:
            place = machine.filename or folder.resolve()
            raise OSError(machine.errno, os.strerror(machine.errno or 0), str(place)) from None
        reason = f"{request} lacks {error}" if isinstance(error, KeyError | TypeError) else str(error)
        tell((UNREADABLE if isinstance(error, OSError) else BAD_REQUEST, reason))
        raise ValueError(reason) from None

"""Files for HDF5 to write to that never fail: what went wrong is kept for the caller to look at."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class UnfailingFile:
    """A file for HDF5 to write to.

    A disk that is full does not raise: HDF5 cannot close a file after a failed write, and crashes. What could not be
    written is kept in ``error`` instead, for the caller to look at, and from then on nothing is written.

    :param raw: an unbuffered file, open to be read and written.
    """

    def __init__(self, raw: io.RawIOBase) -> None:
        self.error: OSError | None = None
        self._file = raw

    def write(self, data: Buffer, /) -> int:
        """Write all of some bytes; return how many they are."""
        rest = memoryview(data).cast("B")
        n_bytes = len(rest)
        try:
            while len(rest) and self.error is None:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.error = error
        return n_bytes

    def read(self, size: int, /) -> bytes:
        """Return as many bytes, fewer at the end."""
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer as far as the file goes; return how far."""
        view, n_read = memoryview(buffer).cast("B"), 0
        while n_read < len(view) and (more := self._file.readinto(view[n_read:])):
            n_read += more
        return n_read

    def truncate(self, size: int, /) -> int:
        """Let the file have a size."""
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def flush(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        """Give the room back."""
        self._file.close()


class ScratchFile(UnfailingFile):
    """A file without a name: it takes no room once it is closed, however the program ends.

    :param folder: where the file is made; the system's folder for temporary files when not given.
    :raises OSError: if it cannot be made.
    """

    def __init__(self, folder: str | Path | None) -> None:
        super().__init__(tempfile.TemporaryFile(buffering=0, dir=folder))

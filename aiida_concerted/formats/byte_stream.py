"""Files read from front to end, gzipped or not, in bounded memory; a file that was cut off ends where it was cut."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20
MAX_LINE = 1 << 20
"""A line longer than this belongs to no text format read here; without a limit it would be collected without end."""


class ByteStream:
    """A file's bytes, decompressed as they are read; no more than is asked for is ever in memory.

    ``is_truncated`` says, after the end was reached, whether a gzipped file lacked its own.

    :param path: the file.
    :raises ValueError: if the file cannot be opened, or is damaged further on.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.is_truncated = False
        try:
            self._raw = self.path.open("rb")
            self.n_bytes = self.path.stat().st_size
            is_zipped = self._raw.read(2) == GZIP_MAGIC
            self._raw.seek(0)
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
        self._file = gzip.GzipFile(fileobj=self._raw) if is_zipped else self._raw

    def read(self, size: int = CHUNK) -> bytes:
        """Return the next bytes, none at the end.

        :raises ValueError: if the file cannot be read or its compressed content is damaged.
        """
        try:
            return self._file.read(size) if self._file is self._raw else self._file.read1(size)
        except EOFError:
            self.is_truncated = True
            return b""
        except (OSError, zlib.error) as error:
            raise ValueError(f"{self.path} cannot be read: {error}; copy it anew") from None

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file, as it lies on the disk, have been read."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._raw.close()

    def __enter__(self) -> ByteStream:
        """Return the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in chunks."""
        while chunk := self.read():
            yield chunk


def first_bytes(path: str | Path, size: int = 4096) -> bytes:
    """Return the first bytes of a file, decompressed, by which its format is known.

    :raises ValueError: if the file cannot be read.
    """
    content = b""
    with ByteStream(path) as stream:
        while len(content) < size and (more := stream.read(size - len(content))):
            content += more
    return content


class LineStream:
    """The lines of a text file, one by one or as a buffer that holds many; only whole lines are handed out.

    ``line_number`` is the number of lines that were taken so far.

    :param path: the file, gzipped or not.
    """

    def __init__(self, path: str | Path) -> None:
        self._stream = ByteStream(path)
        self.path = self._stream.path
        self.buffer = b""
        self.position = 0
        self.line_number = 0

    def line(self) -> str | None:
        """Return the next line without its end, ``None`` where no whole line is left.

        :raises ValueError: if the file is no text.
        """
        end = self.buffer.find(b"\n", self.position)
        while end < 0:
            if len(self.buffer) - self.position > MAX_LINE:
                raise ValueError(f"{self.path} line {self.line_number + 1} has no end: this is no text file")
            if not self.more():
                return None
            end = self.buffer.find(b"\n", self.position)
        line = self.buffer[self.position : end]
        self.take(end + 1, 1)
        return line.decode("utf-8", errors="replace").rstrip("\r")

    def filled_line(self) -> str | None:
        """Return the next line that is not blank, ``None`` where there is none."""
        line = self.line()
        while line is not None and not line.strip():
            line = self.line()
        return line

    def more(self) -> bool:
        """Return whether further bytes were put behind the buffer; those that were taken leave it."""
        rest = self.buffer[self.position :]
        added = self._stream.read(max(CHUNK, len(rest)))
        if not added:
            return False
        self.buffer, self.position = rest + added, 0
        return True

    def take(self, position: int, n_lines: int) -> None:
        """Count lines as read; the buffer is used up to ``position``."""
        self.position = position
        self.line_number += n_lines

    @property
    def has_rest(self) -> bool:
        """Return whether anything but white space is left, such as a line that was cut off."""
        while not self.buffer[self.position :].strip():
            if not self.more():
                return False
        return True

    @property
    def n_done(self) -> int:
        """Return how many bytes of the file have been read."""
        return self._stream.n_done

    @property
    def is_truncated(self) -> bool:
        """Return whether a gzipped file was found to lack its end."""
        return self._stream.is_truncated

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> LineStream:
        """Return the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

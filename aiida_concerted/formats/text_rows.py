"""Rows of numbers and words, the bulk of every text trajectory, parsed at the speed of a disk.

Python and NumPy need about a microsecond for a number; a run of 10 ns holds thousands of millions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import MAX_LINE, LineStream

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SKIP, NUMBER, WORD = 0, 1, 2
"""What is done with a column: passed over, read as a number, kept as its first eight letters."""

_DONE, _SHORT, _COLUMNS, _VALUE = 0, 1, 2, 3
_POWERS = 10.0 ** np.arange(309)
_LARGE = 10**17


class CutOffError(Exception):
    """The file ends before the rows do."""


def read_rows(stream: LineStream, n_rows: int, kinds: NDArray[np.int8], where: str) -> tuple[FloatArray, IntArray]:
    """Return the numbers and the words of the next rows.

    Words come as integers, see :func:`word_of`; numbers are right to the last bit or the one before it.

    :param n_rows: rows to be read.
    :param kinds: for each column what is done with it.
    :param where: what is being read, for messages.
    :return: shapes ``(n_rows, n_numbers)`` and ``(n_rows, n_words)``.
    :raises CutOffError: if the file ends before the last row does; nothing is taken then.
    :raises ValueError: if a row has another number of columns, or something else than a finite number.
    """
    # What a header claims is believed only as far as there are rows: an array is made for those that can be there.
    numbers = np.empty((0, int((kinds == NUMBER).sum())))
    words = np.empty((0, int((kinds == WORD).sum())), dtype=np.int64)
    row, position = 0, stream.position
    while True:
        room = min(n_rows, row + (len(stream.buffer) - position) // (2 * len(kinds)) + 1)
        numbers, words = _grown(numbers, room), _grown(words, room)
        content = np.frombuffer(stream.buffer, dtype=np.uint8)
        status, row, position = _parse(content, position, row, room, kinds, numbers, words)
        if row == n_rows:
            stream.take(position, n_rows)
            return numbers, words
        if status not in (_DONE, _SHORT):
            stream.take(position, row)
            raise ValueError(_complaint(stream, kinds, status, where))
        if len(stream.buffer) - position > MAX_LINE:
            raise ValueError(f"{where}: line {stream.line_number + row + 1} has no end: this is no text file")
        before = position - stream.position
        if status == _SHORT and not stream.more():
            raise CutOffError
        position = stream.position + before


def word_of(code: int) -> str:
    """Return the word (its first eight letters) that an integer of :func:`read_rows` stands for."""
    return int(code).to_bytes(8, "little", signed=True).rstrip(b"\0").decode("utf-8", errors="replace")


def _grown(array: NDArray[Any], n_rows: int) -> NDArray[Any]:
    if len(array) >= n_rows:
        return array
    grown = np.empty((n_rows, array.shape[1]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown


def _complaint(stream: LineStream, kinds: NDArray[np.int8], status: int, where: str) -> str:
    """Return what is wrong with the next line."""
    number = stream.line_number + 1
    line = (stream.line() or "").strip()
    shown = line if len(line) < 60 else line[:57] + "..."
    if status == _COLUMNS:
        return f"{where}: line {number} has {len(line.split())} columns where {len(kinds)} are expected: '{shown}'"
    return f"{where}: line {number} holds something else than a finite number: '{shown}'"


@njit(cache=True, nogil=True)
def _parse(content, start, first, n_rows, kinds, numbers, words):  # type: ignore[no-untyped-def]
    """Return status, number of rows that are done and where the next one begins."""
    position, row = start, first
    while row < n_rows:
        begin = position
        status, position = _parse_row(content, position, kinds, numbers[row], words[row])
        if status == _DONE:
            position = _after_blanks(content, position)
            if position < len(content) and content[position] == 10:
                position += 1
                row += 1
                continue
            status = _COLUMNS
        # a line without its end is not wrong but cut off
        return (status if _has_end(content, position) else _SHORT), row, begin
    return _DONE, row, position


@njit(cache=True, nogil=True)
def _parse_row(content, start, kinds, numbers, words):  # type: ignore[no-untyped-def]
    """Return status and where the last column that was read ends."""
    position, n_number, n_word = start, 0, 0
    for kind in kinds:
        token = _after_blanks(content, position)
        position = token
        while position < len(content) and content[position] > 32:
            position += 1
        if token == position or position == len(content):
            return _COLUMNS, position
        if kind == NUMBER:
            value = _number(content, token, position)
            if not np.isfinite(value):
                return _VALUE, position
            numbers[n_number] = value
            n_number += 1
        elif kind == WORD:
            words[n_word] = _word(content, token, position)
            n_word += 1
    return _DONE, position


@njit(cache=True, nogil=True)
def _after_blanks(content, start):  # type: ignore[no-untyped-def]
    position = start
    while position < len(content) and (content[position] == 32 or content[position] == 9 or content[position] == 13):
        position += 1
    return position


@njit(cache=True, nogil=True)
def _has_end(content, position):  # type: ignore[no-untyped-def]
    """Return whether the line has its end; one without is not wrong but cut off."""
    for i in range(position, len(content)):
        if content[i] == 10:
            return True
    return False


@njit(cache=True, nogil=True)
def _word(content, start, stop):  # type: ignore[no-untyped-def]
    code = np.int64(0)
    for i in range(min(8, stop - start)):
        code |= np.int64(content[start + i]) << np.int64(8 * i)
    return code


@njit(cache=True, nogil=True)
def _number(content, start, stop):  # type: ignore[no-untyped-def]
    """Return the number that stands between two positions; NaN where none does."""
    i, negative = start, content[start] == 45
    if negative or content[i] == 43:
        i += 1
    mantissa, exponent, has_digits, after_point = np.int64(0), 0, False, False
    while i < stop:
        digit = content[i] - 48
        if 0 <= digit <= 9:
            has_digits = True
            if mantissa < _LARGE:
                mantissa = mantissa * 10 + digit
                exponent -= after_point
            else:
                exponent += not after_point
        elif content[i] == 46 and not after_point:
            after_point = True
        else:
            break
        i += 1
    power, is_sound = _exponent(content, i, stop) if i < stop else (0, True)
    if not has_digits or not is_sound:
        return np.nan
    return _scaled(-mantissa if negative else mantissa, exponent + power)


@njit(cache=True, nogil=True)
def _scaled(mantissa, exponent):  # type: ignore[no-untyped-def]
    """Return a number times a power of ten; exact where both are, that is, up to 15 digits."""
    if exponent < -308:
        return 0.0
    if exponent > 308:
        return np.inf
    return mantissa / _POWERS[-exponent] if exponent < 0 else mantissa * _POWERS[exponent]


@njit(cache=True, nogil=True)
def _exponent(content, start, stop):  # type: ignore[no-untyped-def]
    """Return the exponent of ten, and whether it is one; Fortran writes D for E."""
    letter = content[start] | 32
    i, negative, power = start + 1, False, 0
    if letter != 101 and letter != 100:
        return 0, False
    if i < stop and (content[i] == 45 or content[i] == 43):
        negative = content[i] == 45
        i += 1
    if i == stop:
        return 0, False
    while i < stop:
        digit = content[i] - 48
        if not 0 <= digit <= 9:
            return 0, False
        power = min(power * 10 + digit, 9999)
        i += 1
    return (-power if negative else power), True

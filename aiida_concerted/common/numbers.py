"""Numbers as people read them: rounded to their error, powers of ten written out."""

from __future__ import annotations

import math
from decimal import Decimal

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PLAIN_EXPONENTS = range(-3, 5)
UNKNOWN = "–"


def format_estimate(value: float, stderr: float | None = None) -> str:
    """Return a value with its standard error, such as ``(3.6 ± 0.4) ×10⁻⁹`` or ``0.47 ± 0.02``.

    The error is rounded to one digit, to two where the first is a one; the value ends at the same place.

    :param stderr: one standard error; without one, or with zero, the value is given to three digits.
    """
    if not stderr or not math.isfinite(stderr):
        return format_number(value)
    exponent = _shared_exponent(max(abs(value), stderr))
    scale = 10.0**exponent
    decimals = _decimals(stderr / scale)
    text = f"{_fixed(value / scale, decimals)} ± {_fixed(stderr / scale, decimals)}"
    return text if exponent == 0 else f"({text}) {power_of_ten(exponent)}"


def format_interval(value: float, lower: float | None, upper: float | None) -> str:
    """Return a value with its interval, such as ``12 (9–15)``; an open side is written ``≥`` or ``≤``.

    :param lower: lower end, ``None`` where unknown.
    :param upper: upper end, ``None`` where not bounded.
    """
    if lower is None and upper is None:
        return format_number(value)
    known = [abs(number) for number in (value, lower, upper) if number is not None]
    exponent = _shared_exponent(max(known))
    scale = 10.0**exponent
    # The nearer end decides, so that it does not round onto the value.
    width = min(abs(number - value) for number in (lower, upper) if number is not None)
    decimals = _decimals(width / scale) if width > 0 else 2
    shown = {
        name: _fixed(number / scale, decimals) for name, number in (("l", lower), ("u", upper)) if number is not None
    }
    if len(shown) == 2:
        # A dash between numbers with a minus of their own cannot be read.
        span = f"{shown['l']} to {shown['u']}" if "−" in shown["l"] + shown["u"] else f"{shown['l']}–{shown['u']}"
    else:
        span = f"≥ {shown['l']}" if "l" in shown else f"≤ {shown['u']}"
    text = f"{_fixed(value / scale, decimals)} ({span})"
    return text if exponent == 0 else f"{text} {power_of_ten(exponent)}"


def format_number(value: float, digits: int = 3) -> str:
    """Return a value to ``digits`` significant digits, with a power of ten where zeros would hide it."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = _shared_exponent(abs(value))
    if exponent == 0:
        return _fixed(value, max(digits - 1 - math.floor(math.log10(abs(value))), 0))
    return f"{_fixed(value / 10.0**exponent, digits - 1)} {power_of_ten(exponent)}"


def format_published(value: float, uncertainty: float | None = None) -> str:
    """Return a number with all the digits it was published with and no more, such as ``(4.1 ± 2.0) ×10⁻¹²``."""
    exponent = _shared_exponent(abs(value))
    numbers = [Decimal(repr(number)).scaleb(-exponent) for number in (value, uncertainty) if number is not None]
    decimals = max(max(-int(number.normalize().as_tuple().exponent), 0) for number in numbers)
    text = " ± ".join(_fixed(float(number), decimals) for number in numbers)
    if exponent == 0:
        return text
    return f"({text}) {power_of_ten(exponent)}" if len(numbers) > 1 else f"{text} {power_of_ten(exponent)}"


def power_of_ten(exponent: int) -> str:
    """Return ``×10⁻⁹`` for -9."""
    return f"×10{str(exponent).translate(SUPERSCRIPTS)}"


def format_duration(seconds: float) -> str:
    """Return a time as people say it, such as ``2 h 05 min``, ``3 min 20 s`` or ``4 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_simulated_time(duration_ps: float) -> str:
    """Return the length of a run in the unit that suits it, such as ``1.2 ns`` or ``60 ps``."""
    return f"{duration_ps / 1000:.3g} ns" if duration_ps >= 1000 else f"{duration_ps:.4g} ps"


def _shared_exponent(magnitude: float) -> int:
    if magnitude == 0:
        return 0
    exponent = math.floor(math.log10(magnitude))
    return 0 if exponent in PLAIN_EXPONENTS else exponent


def _decimals(error: float) -> int:
    """Return the decimal places at which an error keeps one digit, two where the first is a one."""
    exponent = math.floor(math.log10(error))
    # An error of 0.0096 rounds to 0.010: its first digit is a one after rounding.
    leading = round(error / 10.0**exponent)
    if leading == 10:
        exponent, leading = exponent + 1, 1
    return max(-exponent + (1 if leading == 1 else 0), 0)


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")

from __future__ import annotations

import pytest

from aiida_concerted.common.numbers import (
    format_duration,
    format_estimate,
    format_interval,
    format_number,
    format_published,
)


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (3.62e-9, 4.2e-10, "(3.6 ± 0.4) ×10⁻⁹"),
        (3.62e-9, 1.2e-10, "(3.62 ± 0.12) ×10⁻⁹"),
        (0.4713, 0.0212, "0.47 ± 0.02"),
        (0.4713, 0.0096, "0.471 ± 0.010"),
        (0.4713, 0.0099, "0.471 ± 0.010"),
        (1438.2, 128.0, "1438 ± 128"),
        (0.0, 2e-11, "(0 ± 2) ×10⁻¹¹"),
        (-0.02, 0.05, "−0.02 ± 0.05"),
        (0.23, None, "0.230"),
        (0.23, 0.0, "0.230"),
        (1e-12, 4e-12, "(1 ± 4) ×10⁻¹²"),
    ],
)
def test_estimates_are_rounded_to_their_error(value, stderr, text):
    assert format_estimate(value, stderr) == text


@pytest.mark.parametrize(
    ("value", "lower", "upper", "text"),
    [
        (12.2, 9.1, 15.4, "12 (9–15)"),
        (2.61e-11, 1.21e-11, 5.7e-11, "2.6 (1.2–5.7) ×10⁻¹¹"),
        (1.0, -1.0, 6.0, "1 (−1 to 6)"),
        (5.0, 3.0, None, "5 (≥ 3)"),
        (0.0, None, 3e9, "0 (≤ 3) ×10⁹"),
        (0.5, None, None, "0.500"),
        (0.0, 0.0, 0.0, "0.00 (0.00–0.00)"),
    ],
)
def test_intervals_name_their_ends_and_open_sides(value, lower, upper, text):
    assert format_interval(value, lower, upper) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (7.1e-12, "7.10 ×10⁻¹²"), (956.65, "957"), (12345.6, "12346"), (123456.0, "1.23 ×10⁵"), (-4.3, "−4.30")],
)
def test_numbers_without_error_have_three_digits(value, text):
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (7.1e-12, None, "7.1 ×10⁻¹²"),
        (4.1e-12, 2.0e-12, "(4.1 ± 2.0) ×10⁻¹²"),
        (0.21, 0.01, "0.21 ± 0.01"),
        (0.42, None, "0.42"),
        (46, None, "46"),
        (1.0, None, "1"),
    ],
)
def test_published_numbers_keep_their_digits(value, uncertainty, text):
    assert format_published(value, uncertainty) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")]
)
def test_durations_read_like_speech(seconds, text):
    assert format_duration(seconds) == text

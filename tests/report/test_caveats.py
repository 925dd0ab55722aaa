from __future__ import annotations

from dataclasses import replace

import pytest

from aiida_concerted.report.caveats import caveats
from aiida_concerted.report.content import Result


def warned(content, **changes) -> str:
    return " | ".join(caveats(replace(content, **changes)))


def with_attributes(result: Result, **attributes) -> Result:
    return replace(result, attributes={**result.attributes, **attributes})


def with_content(result: Result, **entries) -> Result:
    return replace(result, content={**result.content, **entries})


def test_short_runs_and_an_unfinished_loop_are_named(content):
    text = warned(content)

    assert f"Short runs: {content.diffusivities[0]['duration_ps']:.3g} ps of production" in text
    assert "95.0% were asked for" in text


def test_a_loop_that_reached_its_aim_is_not_warned_about(content):
    text = warned(content, learning=replace(content.learning, threshold=0.1))

    assert "learning loop" not in text


def test_insufficient_sampling_names_the_temperatures(content):
    first, *others = (with_attributes(item, sampling="sufficient") for item in content.diffusivities)
    poor = (with_attributes(first, sampling="insufficient"), *others)

    assert "Insufficient sampling at 600 K:" in warned(content, diffusivities=poor)
    assert "Insufficient sampling" not in warned(content, diffusivities=(first, *others))


def test_failed_points_are_named(content):
    assert "No result at 600 K" in warned(content, diffusivities=content.diffusivities[1:])


def test_a_bent_line_must_not_be_extrapolated(content):
    fits = tuple(
        with_content(fit, bend="two-pieces", excluded_temperatures_K=[300.0])
        if fit["quantity"] != "mode_frequency"
        else fit
        for fit in content.arrhenius
    )
    text = warned(content, arrhenius=fits)

    assert "two-pieces fits better" in text
    assert "since nothing diffused: 300 K" in text


def test_modes_without_a_fit_are_named(content):
    without = tuple(fit for fit in content.arrhenius if fit.get("mode") != "Li2-Li3-Li1")

    assert "Li2-Li3-Li1" in warned(content, arrhenius=without)


def test_shared_sites_are_named(content):
    crowded = tuple(
        with_content(item, sites={**item.content["sites"], "multiple_occupancy_fraction": 0.2})
        for item in content.site_statistics
    )

    assert "share a site for up to 20% of the time" in warned(content, site_statistics=crowded)


@pytest.mark.parametrize(("number", "text"), [(1, "One process of this study failed or was"), (3, "3 processes")])
def test_failures_on_the_way_are_counted(content, number, text):
    assert text in warned(content, making=replace(content.making, n_failed_processes=number))

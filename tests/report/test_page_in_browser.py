from __future__ import annotations

import pytest

from aiida_concerted.report import write_report
from tests.report.browser import find_chromium, running_browser

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no chromium: install it to try the page")

WIDE, PHONE = 1280, 390


@pytest.fixture(scope="module")
def browser():
    with running_browser(find_chromium()) as started:
        yield started


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_nothing_is_complained_of_and_nothing_asked_of_the_network(browser, report_file, width):
    browser.open(report_file, width)
    browser.run("window.scrollTo(0, document.documentElement.scrollHeight)")

    assert browser.complaints() == []
    assert browser.run("document.querySelectorAll('.widget.alive').length") == 12
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_a_temperature_chosen_once_is_shown_everywhere_and_the_canvases_have_something_on_them(browser, report_file):
    browser.open(report_file, WIDE)
    browser.run("document.querySelector('input[type=radio][value=\"1000 K\"]').focus()")
    browser.press(" ", 32)
    shown = "[...document.querySelectorAll('.choice > figure')].filter(f => f.offsetParent).map(f => f.dataset.choice)"

    assert set(browser.run(shown)) == {"1000 K"}
    colours = browser.run(
        """new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(
        [...document.querySelectorAll('canvas')].filter(c => c.offsetParent).map(c => {
          const pixels = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
          const seen = new Set();
          for (let i = 0; i < pixels.length; i += 4) seen.add(pixels[i] * 65536 + pixels[i + 1] * 256 + pixels[i + 2]);
          return seen.size; })))))"""
    )
    assert len(colours) == 3
    assert min(colours) > 5


def test_values_are_told_to_the_mouse_and_to_the_keyboard(browser, report_file, content):
    browser.open(report_file, WIDE)
    plot = "document.querySelector('#arrhenius-diffusivity .plot')"
    browser.run(f"{plot}.scrollIntoView({{block: 'center', behavior: 'instant'}}); {plot}.focus()")
    told = []
    for _ in range(len(content.diffusivities)):
        browser.press("ArrowRight", 39)
        told.append(browser.run(f"{plot}.querySelector('.tip').textContent"))

    assert sorted(text.split("; ")[1] for text in told) == ["1000 K", "1200 K", "600 K", "800 K"]
    assert all(text.startswith("this study; ") and text.endswith("m² s⁻¹") for text in told)
    browser.press("Escape", 27)
    assert browser.run(f"{plot}.querySelector('.tip').hidden")
    place = browser.run(
        f"(() => {{ const p = JSON.parse({plot}.querySelector('script').textContent).points[0];"
        f"const b = {plot}.getBoundingClientRect(); return [b.x + p[0] * b.width, b.y + p[1] * b.height]; }})()"
    )
    browser.point_at(*place)
    assert browser.run(f"{plot}.querySelector('.tip').textContent") == told[0]


def test_the_raster_tells_who_sits_where(browser, report_file, content):
    browser.open(report_file, WIDE)
    browser.run("document.querySelector('#raster-600K canvas').focus()")
    browser.press("ArrowRight", 39)
    browser.press("ArrowDown", 40)
    history = content.histories[0].history
    text = browser.run("document.querySelector('#raster-600K .readout').textContent")

    frame = round(history.n_frames / 100)
    site = [i for i, label in enumerate(history.labels) if label == "Li1"][1]
    held = (history.sites == site) & (history.starts <= frame) & (history.ends > frame)
    assert text.startswith(f"Site {site} (Li1) at {frame * history.frame_interval_ps:g} ps: ")
    expected = [f"carrier {carrier} from" for carrier in history.carriers[held]] or ["empty"]
    assert all(part in text for part in expected)


def test_an_event_is_played_and_turned_by_the_keyboard(browser, report_file):
    browser.open(report_file, WIDE)
    box = "document.querySelector('.choice[data-group=event] figure')"
    browser.run(f"{box}.querySelector('canvas').focus()")
    before = browser.run(f"{box}.querySelector('canvas').toDataURL()")
    browser.press("ArrowLeft", 37)
    assert browser.run(f"{box}.querySelector('canvas').toDataURL()") != before
    start = int(browser.run(f"{box}.querySelector('input[type=range]').value"))
    browser.press(" ", 32)
    moved = (
        f"new Promise(done => {{ const look = () => Number({box}.querySelector('input[type=range]').value) > {start}"
        " ? done(true) : setTimeout(look, 20); look(); })"
    )
    assert browser.run(moved)
    browser.press(" ", 32)
    assert browser.run(f"{box}.querySelector('button').textContent") == "Play"


def test_every_control_is_reached_by_the_tabulator(browser, report_file):
    browser.open(report_file, WIDE)
    unreachable = browser.run(
        "[...document.querySelectorAll('canvas, .plot[role], .scroll, button, input, summary, a[href]')]"
        ".filter(node => node.tabIndex < 0).map(node => node.outerHTML.slice(0, 80))"
    )
    assert unreachable == []
    browser.press("Tab", 9)
    assert browser.run("document.activeElement.textContent") == "Skip to the results"


def test_print_shows_every_temperature_and_no_controls(browser, report_file):
    browser.open(report_file, WIDE)
    browser.call("Emulation.setEmulatedMedia", media="print")
    shown = browser.run("[...document.querySelectorAll('figure')].filter(f => !f.offsetParent).map(f => f.id)")
    controls = browser.run(
        "[...document.querySelectorAll('canvas, nav, .download, fieldset')].filter(n => n.offsetParent).length"
    )
    pdf = browser.pdf()
    browser.call("Emulation.setEmulatedMedia", media="")

    assert shown == []
    assert controls == 0
    assert pdf.startswith(b"%PDF")


def test_a_material_that_is_markup_does_nothing(browser, hostile, tmp_path):
    path = tmp_path / "report.html"
    write_report(hostile, path)
    browser.open(path, WIDE)

    assert browser.complaints() == []
    assert browser.run("document.querySelector('h1').textContent").startswith('<script>alert("x")</script>')
    assert browser.run("document.scripts.length") == browser.run(
        "document.querySelectorAll('script[type=\"application/json\"]').length + 1"
    )

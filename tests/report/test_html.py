from __future__ import annotations

import base64
import csv
import hashlib
import io
import itertools
import re

import pytest
from lxml import etree, html

from aiida_concerted.report import write_report
from aiida_concerted.report.claims import judge_claims
from aiida_concerted.report.published import Published

N_TEMPERATURES = 4
N_SINGLE = 18  # five of diffusion, two of modes, three of sites, one of vacancies, six of learning, one of provenance
N_EACH = 5  # event, density, raster, both parts of the van Hove function
N_PAIRS = 4  # of the carrier with itself, germanium or phosphorus, phosphorus and sulphur
N_FIGURES = N_SINGLE + N_EACH * N_TEMPERATURES + N_PAIRS

VOID = r"<(meta|link|img|br|hr|input)\b([^>]*?)/?>"


@pytest.fixture(scope="module")
def text(report_file):
    return report_file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text):
    return html.document_fromstring(text)


def test_the_file_is_well_formed(text):
    # Stricter than any browser: every element that HTML lets stand open is closed, then it must be XML.
    body = re.sub(r"(<script>).*?(</script>)", r"\1\2", text.removeprefix("<!DOCTYPE html>").strip(), flags=re.DOTALL)
    body = re.sub(VOID, r"<\1\2/>", body)
    etree.fromstring(body.encode(), etree.XMLParser(huge_tree=True, resolve_entities=False))


def test_ids_are_unique_and_links_inside_lead_somewhere(page):
    ids = page.xpath("//@id")
    inside = [target[1:] for target in page.xpath("//a/@href") if target.startswith("#")]

    assert len(ids) == len(set(ids))
    assert inside
    assert set(inside) <= set(ids)


def test_nothing_is_loaded_from_anywhere(text, page):
    loaded = page.xpath("//@src | //link/@href | //@srcset | //object/@data | //form/@action")

    assert loaded
    assert all(target.startswith("data:") for target in loaded)
    assert not page.xpath("//iframe | //base")
    assert "@import" not in text
    assert not re.search(r"url\((?!data:)", "".join(page.xpath("//style/text()")))
    assert "http" not in "".join(page.xpath("//style/text()"))


def test_figures_hold_drawings_that_load_nothing(page):
    for source in page.xpath("//figure//img/@src"):
        drawing = etree.fromstring(base64.b64decode(source.partition(",")[2]))
        links = drawing.xpath("//@*[local-name()='href']")
        assert all(link.startswith(("#", "data:")) for link in links)


def test_every_figure_has_text_for_those_who_cannot_see_it_a_caption_and_its_nodes(page):
    figures = page.xpath("//figure")

    assert len(figures) == N_FIGURES
    for figure in figures:
        assert len(figure.xpath(".//div[@class='plot']/img/@alt")[0]) > 20
        assert len(figure.xpath("figcaption/p[1]")[0].text_content()) > 30
        uuids = figure.xpath(".//code/text()")
        assert uuids
        assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid) for uuid in uuids)


def test_every_figure_gives_its_data(page, content):
    tables = {}
    for link in page.xpath("//figure//a[@download]"):
        data = base64.b64decode(link.get("href").partition(",")[2]).decode()
        tables[link.get("download")] = list(csv.DictReader(io.StringIO(data)))

    assert len(tables) == N_FIGURES
    assert all(tables.values())
    own = [row for row in tables["arrhenius-diffusivity.csv"] if row["source"] == "this study"]
    results = content.diffusivities
    assert [float(row["diffusivity_m2_s"]) for row in own] == [item["diffusivity_m2_s"] for item in results]
    stays = tables["raster-600K.csv"]
    assert sum(float(row["to_ps"]) - float(row["from_ps"]) for row in stays) == pytest.approx(
        80 * content.histories[0].history.n_frames * 0.05
    )


def test_headings_are_in_order_and_tables_have_captions_and_headings(page):
    levels = [int(heading.tag[1]) for heading in page.xpath("//h1 | //h2 | //h3")]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    for table in page.xpath("//table"):
        assert table.xpath("caption")[0].text_content().strip()
        assert table.xpath("thead//th[@scope='col']")
        assert table.xpath("tbody//th[@scope='row']")


def test_wide_tables_scroll_in_a_box_that_the_keyboard_reaches(page):
    assert all(box.get("tabindex") == "0" and box.get("aria-label") for box in page.xpath("//div[@class='scroll']"))
    assert len(page.xpath("//div[@class='scroll']/table")) == len(page.xpath("//table"))


def test_the_banner_comes_first_and_the_warnings_before_the_results(page):
    body = page.find("body").text_content()

    assert body.index("Surrogate, demonstration scale: not DFT") < body.index("how its ions move together")
    assert body.index("Read this first") < body.index("Results beside published values")
    assert "of the frames were accurate, 95.0% were asked for" in body


def test_the_query_that_the_page_proposes_works(page, content):
    found: dict = {}
    exec("".join(page.xpath("//pre[@id='query']")[0].itertext()), found)  # noqa: S102 - a program of ours, as users paste it

    assert sorted(found["rows"]) == [
        [item.temperature_K, item["diffusivity_m2_s"], item["diffusivity_stderr_m2_s"]]
        for item in content.diffusivities
    ]


def test_no_folder_of_the_machine_is_named(text):
    assert "secret" not in text
    assert "/home/" not in text


def test_markup_in_names_is_text(hostile, tmp_path):
    path = tmp_path / "report.html"
    write_report(hostile, path)
    content = path.read_text(encoding="utf-8")

    page = html.document_fromstring(content)
    assert len(page.xpath("//script[not(@type)]")) == 1
    assert '<script>alert("x")</script>' in page.find(".//h1").text_content()
    assert "&lt;b&gt;&amp;" in content


def test_a_running_study_has_a_report_that_says_so(running, tmp_path):
    path = tmp_path / "report.html"
    write_report(running, path)
    page = html.document_fromstring(path.read_text(encoding="utf-8"))

    warnings = page.xpath("//div[@class='warnings']")[0].text_content()
    assert "The study is not complete: it is running." in warnings
    assert "Missing: vacancy formation energies" in warnings
    assert page.xpath("//figure[@id='arrhenius-diffusivity']")
    assert not page.xpath("//figure[@id='vacancy-energy']")


def test_a_report_that_cannot_be_written_leaves_the_old_one(finished, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    monkeypatch.setattr("aiida_concerted.report.html.with_trajectories", lambda content, _: content)
    monkeypatch.setattr("aiida_concerted.report.html.render_report", lambda _: "new")

    with pytest.raises(OSError, match="full"):
        write_report(finished, path)
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_the_file_is_small_enough_to_send(text):
    assert len(text) < 9_000_000


def test_the_policy_lets_the_one_script_of_ours_run_and_no_other(text, page):
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert set(page.xpath("//script/@type")) == {"application/json"}
    assert not page.xpath("//@*[starts-with(name(), 'on')]")


def test_every_claim_has_a_verdict_with_its_numbers(page, whole):
    rows = page.xpath("//table[@class='claims']/tbody/tr")
    verdicts = {item.key: item for item in judge_claims(whole, Published.of("LGPS"))}

    assert [row.xpath("th/span")[0].text_content() for row in rows] == list(verdicts)
    for row, item in zip(rows, verdicts.values(), strict=True):
        text = row.text_content()
        assert item.verdict in text
        assert item.numbers[1:] in text
        assert row.xpath(".//code/text()") == list(item.uuids)


def test_figures_of_one_kind_are_chosen_by_temperature(page):
    groups = page.xpath("//div[@class='choice']")

    assert len(groups) == N_EACH
    for group in groups:
        assert group.xpath("figure/@data-choice") == ["600 K", "800 K", "1000 K", "1200 K"]

"""Site models: the shipped ones have the multiplicities they claim, and mistakes are named in one line."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import yaml

from aiida_concerted.materials import load_site_model, parse_site_model, shipped_materials

LGPS = {
    "material": "LGPS",
    "spacegroup": 137,
    "origin": 1,
    "cell": {"a": 8.71, "b": 8.71, "c": 12.61, "alpha": 90, "beta": 90, "gamma": 90},
    "sites": {"Li1": {"wyckoff": "16h", "position": [0.2563, 0.2718, 0.1832]}},
    "framework": {"P": {"wyckoff": "2b", "position": [0, 0, 0.5], "species": "P"}},
    "max_edge_A": 3.8,
    "groups": [["Li1", "Li1", 2.0]],
}


def changed(path: str, value: object) -> dict:
    content = copy.deepcopy(LGPS)
    *parents, key = path.split(".")
    place: dict = content
    for parent in parents:
        place = place[parent]
    place[key] = value
    return content


def test_lgps_has_the_32_sites_of_the_literature_in_any_case() -> None:
    model = load_site_model("LGPS")
    assert model.network().as_dict() == load_site_model("lgps").network().as_dict()
    assert model.counts == {"Li1": 16, "Li2": 4, "Li3": 8, "Li4": 4}
    assert model.carrier == "Li"
    assert "Kamaya" in model.citation


def test_lgps_composition_is_that_of_the_refinements() -> None:
    content: dict[str, float] = {}
    for _, occupancy, positions in load_site_model("lgps").disordered_species():
        for element, share in occupancy.items():
            content[element] = content.get(element, 0.0) + share * len(positions)
    assert content["Li"] == pytest.approx(20.056)
    assert content["Ge"] + content["P"] == pytest.approx(6)
    assert content["S"] == pytest.approx(24)


@pytest.mark.parametrize("name", shipped_materials())
def test_every_shipped_model_loads_and_cites(name: str) -> None:
    model = load_site_model(name)
    assert model.citation
    assert all(orbit.wyckoff for orbit in (*model.sites, *model.framework))
    network = model.network()
    assert all(network.n_paths_per_cell(mode) > 0 for mode in model.modes)


def test_a_file_is_read_as_the_shipped_model_is(tmp_path) -> None:
    path = tmp_path / "sites.yaml"
    path.write_text(yaml.safe_dump(LGPS), encoding="utf-8")
    model = load_site_model(path)
    assert model.counts == {"Li1": 16}
    assert model.groups == (("Li1", "Li1", 2.0),)
    assert load_site_model(str(path)).network().max_edge_A == 3.8


def test_sites_can_be_listed_without_a_space_group() -> None:
    content = changed("spacegroup", "none")
    del content["origin"]
    content["sites"] = {"A": {"positions": [[0, 0, 0], [0.5, 0.5, -0.5]]}, "B": {"position": [0.5, 0, 0]}}
    content["groups"] = []
    model = parse_site_model(content)
    assert model.counts == {"A": 2, "B": 1}
    np.testing.assert_allclose(model.sites[0].positions[1], [0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("materials", "x", "unknown key 'materials': did you mean 'material'"),
        ("sites.Li1.wyckof", "16h", "unknown key 'wyckof': did you mean 'wyckoff'"),
        ("cell.alfa", 90, "unknown key 'alfa': did you mean 'alpha'"),
        ("cell.a", -1, "lengths must be positive"),
        ("cell.b", 9.5, "does not have the symmetry of space group 137"),
        ("cell.c", "12", "must be a number"),
        ("cell", {"a": 8.71, "b": 8.71}, "lacks the key 'c'"),
        ("sites", {}, "at least one site"),
        ("sites", {"1Li": {"position": [0, 0, 0]}}, "must begin with a letter"),
        ("sites.Li1.position", [0.1, 0.2], "three fractional coordinates"),
        ("sites.Li1.position", [0.1, 0.2, "z"], "must be a number"),
        ("sites.Li1.position", [0, 0, 0.25], "4 images in the cell, but wyckoff says 16h"),
        ("sites.Li1.occupancy", 1.2, "above 0 and at most 1"),
        ("origin", None, "two origin choices"),
        ("origin", 2, "wyckoff says 2b"),
        ("spacegroup", 231, "from 1 to 230"),
        ("spacegroup", "P42/nmc", "number from 1 to 230 or none"),
        ("framework.P.species", {"P": 0.7, "Ge": 0.7}, "add up to more than one"),
        ("framework", {"P": {"position": [0, 0, 0.5]}}, "needs 'species'"),
        ("framework", {"Li1": {"position": [0, 0, 0.5], "species": "P"}}, "label of the sites and of the framework"),
        ("groups", [["Li1", "Li9", 2.0]], "needs two site labels"),
        ("modes", ["Li1-Li9-Li1"], "labels among Li1"),
        ("max_edge_A", 0, "must be positive"),
        ("origin_shift", [0, 0], "three fractional coordinates"),
    ],
)
def test_a_mistake_is_named(path: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        parse_site_model(changed(path, value))
    assert "\n" not in str(caught.value)


def test_a_name_that_is_no_file_lists_what_is_shipped() -> None:
    with pytest.raises(ValueError, match=r"neither a file nor a shipped site model: .*lgps"):
        load_site_model("unobtainium")


def test_broken_yaml_is_one_line_with_the_file(tmp_path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("material: [", encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.yaml") as caught:
        load_site_model(path)
    assert "\n" not in str(caught.value)


def test_a_model_without_occupancies_builds_no_structure() -> None:
    with pytest.raises(ValueError, match="no occupancy for Li1"):
        parse_site_model(LGPS).disordered_species()

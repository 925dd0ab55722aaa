"""No text of a POTCAR gets where it could be passed on: marks in headers and tables are looked for everywhere."""

import json
import re
from pathlib import Path

import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage import get_manager
from aiida.tools.archive import create_archive
from aiida_vasp.data.potcar import PotcarData, PotcarFileData

from aiida_concerted.archive.create import create_clean_archive
from aiida_concerted.archive.scrub import scrub_archive
from aiida_concerted.report import write_report
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.label import VaspLabelWorkChain
from tests.archive.potcars import MARK, holds, holds_in, marked_potcar

TABLE, HEADER = "0.27182818284E+31", "COPYR-MARK-31415"


@pytest.fixture
def family(aiida_profile_clean, tmp_path):
    """Return a family whose POTCARs hold one mark in their headers and one in their tables."""
    for name, element in (("Li_sv", "Li"), ("Cl", "Cl")):
        text = marked_potcar(name, element).replace(MARK.decode(), TABLE)
        text = text.replace("   LULTRA =", f"   COPYR  = {HEADER}\n   LULTRA =")
        assert HEADER in text
        assert TABLE in text
        folder = tmp_path / "potcars" / name
        folder.mkdir(parents=True)
        (folder / "POTCAR").write_text(text)
    PotcarData.upload_potcar_family(str(tmp_path / "potcars"), "marked-everywhere", "test", stop_if_existing=False)
    return "marked-everywhere"


def places_in_profile():
    """Return every place in the profile that holds a mark: files and records of nodes, logs, the database's file."""
    found = []
    for (node,) in orm.QueryBuilder().append(orm.Node).iterall():
        record = json.dumps([node.base.attributes.all, node.base.extras.all, node.label, node.description], default=str)
        if is_marked(record.encode()):
            found.append(f"record of {node}")
        repository = node.base.repository
        for folder, _, names in repository.walk():
            for name in names:
                if is_marked(repository.get_object_content(folder / name, mode="rb")):
                    found.append(f"{folder / name} of {type(node).__name__}")
    for (entry,) in orm.QueryBuilder().append(orm.Log).iterall():
        if is_marked(json.dumps([entry.message, entry.metadata], default=str).encode()):
            found.append(f"log {entry.pk}")
    database = Path(get_manager().get_profile().storage_config["filepath"]) / "database.sqlite"
    if is_marked(database.read_bytes()):
        found.append("the database")
    return found


def is_marked(content):
    return any(holds(content, mark.encode()) for mark in (TABLE, HEADER))


@pytest.fixture
def runs(family, killed_code, rock_salt, tmp_path):
    """Return a labelling with a calculation that failed and one that did not, and a molecular dynamics."""
    imitate = f"export CONCERTED_SURROGATE_IMITATE=scf CONCERTED_SURROGATE_IMITATE_ONCE={tmp_path / 'once'}"
    code, vasp = killed_code(step_s=0.0, prepend=imitate), {"potential_family": family}
    _, labelled = run_get_node(
        VaspLabelWorkChain.get_builder_from_protocol(code, {"a": rock_salt}, protocol="fast", overrides={"vasp": vasp})
    )
    numbers = {"n_steps": 3, "discard_steps": 0, "stride": 1, "vasp": vasp}
    outputs, sampled = run_get_node(
        VaspAimdWorkChain.get_builder_from_protocol(code, rock_salt, protocol="fast", overrides=numbers)
    )
    assert [labelled.exit_status, sampled.exit_status] == [0, 0]
    assert outputs["frames"].energy_settings.hashes.keys() == {"Li", "Cl"}
    return labelled, sampled


def test_the_text_stays_where_the_user_put_it(runs, tmp_path, caplog):
    found = places_in_profile()
    # The nodes of the user's own POTCARs hold it, and are never linked to a run.
    assert {place.split(" of ")[-1] for place in found} == {PotcarFileData.__name__}
    assert not is_marked(caplog.text.encode())
    for node in runs:
        write_report(node, tmp_path / "report.html")
        assert not is_marked((tmp_path / "report.html").read_bytes())
    ours, of_nodes, of_all, scrubbed = (tmp_path / f"{name}.aiida" for name in ("ours", "nodes", "all", "scrubbed"))
    assert create_clean_archive(list(runs), ours).is_clean
    create_archive(list(runs), filename=of_nodes)  # as `verdi archive create --nodes`
    create_archive(None, filename=of_all)  # as `verdi archive create --all`
    assert [marked_in(path) for path in (ours, of_nodes, of_all)] == [False, False, True]
    assert scrub_archive(of_all, scrubbed).n_nodes >= 2
    assert not marked_in(scrubbed)


def marked_in(path):
    return any(holds_in(path, mark.encode()) for mark in (TABLE, HEADER))


def test_what_cannot_be_read_of_it_is_not_quoted(tmp_path):
    from aiida_concerted.formats.potcar import read_potential_headers

    path = tmp_path / "POTCAR"
    path.write_text(marked_potcar().replace("ENMAX", HEADER))
    with pytest.raises(ValueError, match="no number for ENMAX") as caught:
        read_potential_headers(path)
    assert HEADER not in str(caught.value)


def test_no_file_of_the_package_holds_the_tables_of_a_potential():
    root = Path(__file__).parents[3]
    table = re.compile(
        rb"(local part|Non local Part|PAW radial sets|core charge-density).*\n(\s*-?\d*\.\d+E[+-]\d+){3}"
    )
    assert table.search(marked_potcar().replace(MARK.decode(), f"{TABLE}  {TABLE}").encode())
    for top in ("aiida_concerted", "tests", "examples", "docs", "benchmarks"):
        for path in (root / top).rglob("*"):
            assert not path.is_file() or not table.search(path.read_bytes()), path

"""How long queries take in a profile of many nodes on SQLite.

Run from the root of the repository: ``python -m benchmarks.query_speed``; the profile is a temporary one. Times are the
best of three in one process, loading AiiDA left out. A busy machine makes those of the clock longer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.tables import markdown_table, write_between_marks

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = ("query", "rows", "seconds", "of the processor")
OWN = "data.concerted."
REPEATS = 3
REQUIRED_S = 0.5  # chosen: longer feels like waiting
THEORIES = ("PBE/VASP 6.4.2", "PBEsol/VASP 6.4.2", "r2SCAN/VASP 6.4.2", "PBE/VASP 5.4.4", "CHGNet")
QUESTIONS = (
    ("diffusivities", {"material": "LGPS"}),
    ("diffusivities", {"level_of_theory": "PBEsol"}),
    ("arrhenius", {"quantity": "tracer_diffusivity", "sort": "-conductivity_300K_S_m", "limit": 20}),
    ("arrhenius", {"quantity": "mode_frequency", "max_activation_energy_eV": 0.2}),
    ("diffusivities", {"material": "LGPS", "temperature_K": "600:800"}),
    ("diffusivities", {"sort": "-conductivity_S_m", "limit": 20}),
    ("modes", {"material": "LGPS", "mode": "Li4-Li1-Li3"}),
    ("vacancies", {"material": "LGPS"}),
    ("potentials", {"level_of_theory": "PBEsol"}),
    ("frames", {"formula": "Li10GeP2S12"}),
    ("trajectories", {"carrier": "Na"}),
)


class Contents(NamedTuple):
    """How much is in a profile: nodes and links between them, and how many of the nodes are results."""

    n_nodes: int
    n_links: int
    n_results: int


def fill_profile(folder: str, wanted: int) -> tuple[Contents, str]:
    """Make and load a profile of studies in a folder; return what is in it, and the UUID of one study.

    :param wanted: results at least: nodes of this package's types.
    """
    os.environ["AIIDA_PATH"] = folder
    from aiida.manage.configuration import create_profile, get_config, load_profile

    config = get_config(create=True)
    storage = {"storage_backend": "core.sqlite_dos", "storage_config": {"filepath": f"{folder}/storage"}}
    create_profile(config, name="bench", email="bench@localhost", **storage)
    load_profile("bench")
    from tests.queries.bulk import BulkProfile

    bulk = BulkProfile(theories=THEORIES)
    study, n_results = "", 0
    while n_results < wanted:
        before = len(bulk.nodes)
        study = bulk.add_study(n_others=20)
        n_results += sum(node["node_type"].startswith(OWN) for node in bulk.nodes[before:])
    return Contents(bulk.insert(), len(bulk.links), n_results), study


class Timed(NamedTuple):
    """What a query took: seconds of the clock and of the processor, and how many rows it gave."""

    clock_s: float
    processor_s: float
    n_rows: int


def time_query(kind: str, criteria: dict[str, Any]) -> Timed:
    """Return the shortest times of a query, and its number of rows."""
    from aiida_concerted.queries import query

    times = []
    for _ in range(REPEATS):
        started = time.perf_counter(), time.process_time()
        table = query(kind, **criteria)
        times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    clock, processor = (min(column) for column in zip(*times, strict=True))
    return Timed(clock, processor, len(table))


def command_of(kind: str, criteria: dict[str, Any]) -> str:
    """Return the command that asks the same."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in criteria.items()]
    return " ".join(["query", kind, *options])


def machine() -> str:
    """Return the processor, the number of cores, and how many processes wanted one in the last minute."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":")[1].strip() if names else os.uname().machine
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def main(arguments: list[str] | None = None) -> int:
    """Print how long queries take in a profile of many nodes; return 1 where one of a part takes half a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.query_speed", description=main.__doc__)
    parser.add_argument("--results", type=int, default=100_000, help="results in the profile (default %(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        contents, study = fill_profile(folder, chosen.results)
        where = machine()
        found = [(command_of(kind, criteria), time_query(kind, criteria)) for kind, criteria in QUESTIONS]
        found.append((command_of("diffusivities", {"study": "UUID"}), time_query("diffusivities", {"study": study})))
        whole = (command_of("diffusivities", {}), time_query("diffusivities", {}))
    rows = [
        (f"`{command}`", f"{took.n_rows:,}", f"{took.clock_s:.3f}", f"{took.processor_s:.3f}")
        for command, took in (*found, whole)
    ]
    size = f"{contents.n_results:,} results among {contents.n_nodes:,} nodes, {contents.n_links:,} links"
    text = f"{where}; {size}.\n\n{markdown_table(HEAD, rows)}"
    print(text)
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "queries", f"{date}, {text}")
    return int(max(took.processor_s for _, took in found) > REQUIRED_S)


if __name__ == "__main__":
    sys.exit(main())

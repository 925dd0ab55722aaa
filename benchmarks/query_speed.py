"""How long queries take in a profile of many nodes on SQLite.

Run from the root of the repository: ``python -m benchmarks.query_speed``; the profile is a temporary one. Times are the
best of three in one process, loading AiiDA left out. They are of the clock, so a busy machine makes them longer.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.tables import markdown_table, write_between_marks

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEAD = ("query", "rows", "seconds")
REPEATS = 3
REQUIRED_S = 0.5  # chosen: longer feels like waiting
QUESTIONS = (
    ("diffusivities", {}),
    ("diffusivities", {"material": "LGPS"}),
    ("diffusivities", {"material": "LGPS", "temperature_K": "600:800"}),
    ("diffusivities", {"limit": 20}),
    ("arrhenius", {"max_activation_energy_eV": 0.2}),
    ("modes", {"material": "LGPS", "mode": "Li4-Li1-Li3"}),
    ("vacancies", {"material": "LGPS"}),
    ("potentials", {"level_of_theory": "PBE"}),
    ("frames", {"formula": "Li10GeP2S12"}),
    ("trajectories", {"carrier": "Na"}),
)


def fill_profile(folder: str, wanted: int) -> tuple[int, int, str]:
    """Make and load a profile of studies in a folder; return the nodes and links in it, and the UUID of one study."""
    os.environ["AIIDA_PATH"] = folder
    from aiida.manage.configuration import create_profile, get_config, load_profile

    config = get_config(create=True)
    storage = {"storage_backend": "core.sqlite_dos", "storage_config": {"filepath": f"{folder}/storage"}}
    create_profile(config, name="bench", email="bench@localhost", **storage)
    load_profile("bench")
    from tests.queries.bulk import BulkProfile

    bulk = BulkProfile()
    study = ""
    while len(bulk.nodes) < wanted:
        study = bulk.add_study()
    return bulk.insert(), len(bulk.links), study


def time_query(kind: str, criteria: dict[str, Any]) -> tuple[float, int]:
    """Return the shortest time of a query in seconds, and its number of rows."""
    from aiida_concerted.queries import query

    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        table = query(kind, **criteria)
        times.append(time.perf_counter() - started)
    return min(times), len(table)


def command_of(kind: str, criteria: dict[str, Any]) -> str:
    """Return the command that asks the same."""
    options = [f"--{name.replace('_', '-')} {value}" for name, value in criteria.items()]
    return " ".join(["query", kind, *options])


def machine() -> str:
    """Return the processor, the number of cores, and how many processes wanted one in the last minute."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = names[0].split(":")[1].strip() if names else os.uname().machine
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def main(arguments: list[str] | None = None) -> int:
    """Print how long queries take in a profile of many nodes; return 1 where one takes half a second."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.query_speed", description=main.__doc__)
    parser.add_argument("--nodes", type=int, default=100_000, help="nodes in the profile (default %(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        n_nodes, n_links, study = fill_profile(folder, chosen.nodes)
        where = machine()
        found = [(command_of(kind, criteria), *time_query(kind, criteria)) for kind, criteria in QUESTIONS]
        found.append((command_of("diffusivities", {"study": "UUID"}), *time_query("diffusivities", {"study": study})))
    rows = [(f"`{command}`", f"{n_rows:,}", f"{seconds:.3f}") for command, seconds, n_rows in found]
    text = f"{where}; {n_nodes:,} nodes, {n_links:,} links.\n\n{markdown_table(HEAD, rows)}"
    print(text)
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "queries", f"{date}, {text}")
    return int(max(seconds for _, seconds, _ in found) > REQUIRED_S)


if __name__ == "__main__":
    sys.exit(main())

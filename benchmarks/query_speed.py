"""How long queries take in a profile of many nodes on SQLite.

Run from the root of the repository: ``python -m benchmarks.query_speed [NUMBER OF NODES]``; the profile is a temporary
one. Times are the best of three in one process, loading AiiDA left out.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

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


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIIDA_PATH"] = folder
        from aiida.manage.configuration import create_profile, get_config, load_profile

        config = get_config(create=True)
        storage = {"storage_backend": "core.sqlite_dos", "storage_config": {"filepath": f"{folder}/storage"}}
        create_profile(config, name="bench", email="bench@localhost", **storage)
        load_profile("bench")
        from aiida_concerted.queries import query
        from tests.queries.bulk import BulkProfile

        bulk = BulkProfile()
        study = ""
        while len(bulk.nodes) < wanted:
            study = bulk.add_study()
        print(f"{bulk.insert()} nodes, {len(bulk.links)} links")
        for kind, criteria in (*QUESTIONS, ("diffusivities", {"study": study})):
            times = []
            for _ in range(3):
                started = time.perf_counter()
                table = query(kind, **criteria)
                times.append(time.perf_counter() - started)
            words = " ".join(f"{name}={value}" for name, value in criteria.items())
            print(f"{min(times):6.3f} s  {len(table):6d} rows  {kind} {words}")


if __name__ == "__main__":
    main()

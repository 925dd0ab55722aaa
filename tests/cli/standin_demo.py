"""The demonstration with a study of sleeping jobs: ``python -m … FOLDER N_JOBS SLEEP_S [FLAG …]``."""

from __future__ import annotations

import sys
from pathlib import Path

from aiida_concerted.cli.demonstration import Demonstration
from aiida_concerted.cli.main import run_reporting_errors
from aiida_concerted.environment.folder import DemoFolder
from tests.environment.actions import build


class StandInDemonstration(Demonstration):
    """Needs no engines, and a report that says no more than the total."""

    def _prepare_codes(self):
        from aiida_concerted.environment.profile import prepare_computer

        prepare_computer(self._place)
        return {}

    def _conclude(self, study):
        import aiida_concerted.report  # imports AiiDA, so not before the folder's profile is loaded

        aiida_concerted.report.write_report = write_report
        aiida_concerted.report.print_summary = print_summary
        return super()._conclude(study)


def write_report(study, path):
    path.write_text(f"<html>{study.outputs.total.value}</html>", encoding="utf8")


def print_summary(study, console):
    console.print(f"total {study.outputs.total.value}")


def main():
    folder, n_jobs, sleep_s, *flags = sys.argv[1:]
    demonstration = StandInDemonstration(
        DemoFolder.at(Path(folder)),
        {"seed": 3} if "other-seed" in flags else {},
        1,
        build=lambda codes, settings: build(int(n_jobs), int(sleep_s), "fail" in flags),
    )
    return run_reporting_errors(lambda: demonstration.run(restart="restart" in flags))


if __name__ == "__main__":
    sys.exit(main())

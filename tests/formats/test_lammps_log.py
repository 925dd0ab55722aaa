import numpy as np

from aiida_concerted.formats.lammps_log import read_lammps_log

TWO_RUNS = """\
LAMMPS (22 Jul 2025)
WARNING: something small
   Step          Temp          PotEng
         0   100            -10.5
        10   120            -10.25
Loop time of 0.1 on 1 procs for 10 steps with 16 atoms
Performance: 1.0 ns/day, 2.0 hours/ns, 55.5 timesteps/s, 1 katom-step/s
   Step          Temp          PotEng
        10   121            -10.20
        20   nan            inf
Loop time of 0.1 on 1 procs for 10 steps with 16 atoms
Performance: 1.0 ns/day, 2.0 hours/ns, 77.25 timesteps/s, 1 katom-step/s
Total wall time: 0:00:12
"""


def test_tables_join_and_the_later_row_of_a_seam_counts():
    log = read_lammps_log(TWO_RUNS.splitlines())
    table = log.table()
    np.testing.assert_array_equal(table["Step"], [0, 10, 20])
    np.testing.assert_array_equal(table["Temp"], [100, 121, np.nan])
    assert np.isinf(table["PotEng"][-1])
    assert log.finished
    assert log.steps_per_second == 77.25
    assert len(log.warnings) == 1
    assert not log.errors


def test_a_log_cut_in_a_row_keeps_the_rows_before():
    cut = TWO_RUNS[: TWO_RUNS.index("10   121") + 5]
    log = read_lammps_log(cut.splitlines())
    np.testing.assert_array_equal(log.table()["Step"], [0, 10])
    assert not log.finished


def test_errors_and_halts_are_kept():
    log = read_lammps_log(
        ["ERROR: Lost atoms: original 16 current 15 (src/thermo.cpp:494)", "Fix halt condition for fix-id runaway met"]
    )
    assert log.errors[0].startswith("ERROR: Lost atoms")
    assert "runaway" in log.halted
    assert log.table() == {}

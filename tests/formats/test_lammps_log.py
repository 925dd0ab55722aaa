from __future__ import annotations

import pytest

from aiida_concerted.formats.lammps_log import END_BYTES, first_and_last_step, read_lammps_log

# Lines of real runs of LAMMPS 22 Jul 2025.
HEAD = """LAMMPS (22 Jul 2025 - Update 2)
thermo_style custom step temp pe etotal econserve press
   Step          Temp          PotEng         TotEng       Econserve        Press
         0   100            7.9017        8.0956      8.0956      -20.5
        10   90.25          7.9117        8.0866      8.0956      -21.5
WARNING: Temperature for thermo pressure is not for group all (src/thermo.cpp:521)
Loop time of 1.25 on 1 procs for 10 steps with 16 atoms
Performance: 45655.250 ns/day, 0.001 hours/ns, 8.500 timesteps/s, 136.0 atom-step/s
   Step          Temp          PotEng         TotEng       Econserve        Press
        10   90.25          7.9117        8.0866      8.0956      -22.5
        20   95             7.9117        8.0866      8.0957      -23.5
"""
END = """Loop time of 1.25 on 1 procs for 10 steps with 16 atoms
Performance: 45655.250 ns/day, 0.001 hours/ns, 16.25 timesteps/s, 260.0 atom-step/s
Total wall time: 1:02:03
"""


def test_rows_of_all_runs_are_joined_and_the_seam_counts_once():
    log = read_lammps_log(HEAD + END)
    assert list(log.thermo["Step"]) == [0, 10, 20]
    assert list(log.thermo["Press"]) == [-20.5, -22.5, -23.5]
    assert (log.version, log.is_complete, log.is_timed_out, log.errors) == ("22 Jul 2025", True, False, ())
    assert (log.wall_s, log.steps_per_s) == (3723.0, 8.0)


def test_a_log_cut_short_keeps_its_whole_rows():
    log = read_lammps_log(HEAD + "        30   95             7.9117        8.0866      8.0957      -2")
    assert list(log.thermo["Step"]) == [0, 10, 20]
    assert not log.is_complete
    assert log.wall_s is None
    assert read_lammps_log("").thermo == {}


def test_numbers_that_are_not_finite_are_kept():
    log = read_lammps_log(HEAD + "        30   nan            -nan          inf         8.0957      -2\n")
    assert str(log.thermo["Temp"][-1]) == "nan"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("ERROR: Lost atoms: original 16 current 15 (src/src/thermo.cpp:492)", "Lost atoms: original 16 current 15"),
        (
            "ERROR on proc 0: Non-numeric pressure - simulation unstable (src/x.cpp:1)",
            "Non-numeric pressure - simulation unstable",
        ),
        ("ERROR: Unrecognized pair style 'deepmd' (src/force.cpp:275)", "Unrecognized pair style 'deepmd'"),
    ],
)
def test_errors_are_found_without_their_place_in_the_source(line, error):
    assert read_lammps_log(HEAD + line + "\nLast input line: run 10\n").errors == (error,)


def test_a_stop_by_the_timer_is_seen():
    assert read_lammps_log(HEAD + "WARNING: Wall time limit reached (src/src/timer.cpp:201)\n" + END).is_timed_out


def test_runs_with_different_columns_are_refused():
    with pytest.raises(ValueError, match="different columns"):
        read_lammps_log(HEAD + "Step Temp\n")


@pytest.mark.parametrize("n_rows", [1, 3, 1000])
def test_a_log_under_way_tells_its_steps_from_its_ends(tmp_path, n_rows):
    rows = "".join(f"{150 + 50 * n:10d}  300.1  -4.5  -4.1  nan  1.5e-1\n" for n in range(n_rows))
    path = tmp_path / "log.lammps"
    path.write_text("LAMMPS (29 Aug 2024)\nread_restart start.restart\n   Step Temp\n" + rows + "      99")
    assert first_and_last_step(path) == (150, 150 + 50 * (n_rows - 1))
    assert n_rows < 1000 or path.stat().st_size > 2 * END_BYTES


def test_a_long_input_before_the_first_row_is_passed_over(tmp_path):
    path = tmp_path / "log.lammps"
    path.write_text(
        "LAMMPS (29 Aug 2024)\n" + "fix guard all halt 10 v_far > 6.25\n" * 400 + "   Step Temp\n  50  300\n"
    )
    assert first_and_last_step(path) == (50, 50)


def test_a_log_without_rows_tells_no_step(tmp_path):
    path = tmp_path / "log.lammps"
    path.write_text("LAMMPS (29 Aug 2024)\n")
    assert first_and_last_step(path) is None

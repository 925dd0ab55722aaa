from aiida_concerted.formats.lammps_replicas import partitions_script, words_of_partitions, words_of_process


def test_a_process_works_from_the_folder_above_its_own():
    assert words_of_process("run_T600", "in") == [
        "-in",
        "run_T600/in",
        "-log",
        "run_T600/log.lammps",
        "-screen",
        "none",
    ]


def test_each_partition_takes_one_replica_with_a_log_that_says_its_version():
    lines = partitions_script(["run_T600", "run_T900"], "in").splitlines()
    assert lines.index("variable replica world run_T600 run_T900") < lines.index("log ${replica}/log.lammps")
    assert lines[-1] == "include ${replica}/in"
    assert 'print "LAMMPS ($(version:%.0f))"' in lines
    assert words_of_partitions(2, 3, "in")[:4] == ["-partition", "2x3", "-in", "in"]

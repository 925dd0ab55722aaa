from __future__ import annotations

import pytest

from aiida_concerted.formats.deepmd_log import (
    TrainingProgress,
    is_checkpoint_torn,
    last_complaint,
    read_progress,
    read_training_log,
)

LOG = """Switch to serial execution due to lack of horovod module.
[2026-11-22 16:19:08,150] DEEPMD INFO    Source:            v3.2.0
[2026-11-22 16:19:08,150] DEEPMD INFO    Built with TF Ver: 2.21.0
[2026-11-22 16:19:13,007] DEEPMD INFO    Batch     100: total wall time = 2.02 s, eta = 0:00:18 at 2026-11-22 16:19
"""
END = """[2026-11-22 16:19:18,422] DEEPMD INFO    average training time: 0.0055 s/batch (exclude first 100 batches)
[2026-11-22 16:19:18,422] DEEPMD INFO    finished training
[2026-11-22 16:19:18,422] DEEPMD INFO    wall time: 7.986 s
"""


def test_a_finished_log_gives_version_and_times():
    log = read_training_log(LOG + END)
    assert (log.version, log.is_finished, log.wall_s, log.seconds_per_step) == ("3.2.0", True, 7.986, 0.0055)


def test_a_log_cut_short_gives_what_it_has():
    log = read_training_log(LOG)
    assert (log.version, log.is_finished, log.wall_s, log.seconds_per_step) == ("3.2.0", False, None, None)
    assert read_training_log("").version == "unknown"


def test_the_complaint_is_the_first_logs_error_and_never_chatter():
    chatter = "implib-gen: libcudart.so.12: failed to load library 'libcudart.so.12' via callback 'x'\n"
    stub = "DeePMD-kit: Error message: libcudart.so.12: cannot open shared object file: No such file or directory\n"
    assert last_complaint(LOG + stub, "OSError: 1\nValueError: 2\n" + chatter, "KeyError: 3") == "ValueError: 2"
    assert last_complaint(stub, "said\n" + chatter) == "said"
    assert last_complaint(stub + chatter, "") == "the program said nothing"


RESTART = "[2026-11-29 21:41:07,897] DEEPMD INFO    restart from model /scratch/model.ckpt\n"
STACK = "Traceback (most recent call last):\n"


@pytest.mark.parametrize(
    ("said", "is_torn"),
    [
        ("ValueError: The passed save_path is not a valid checkpoint: /scratch/model.ckpt", True),
        ("/scratch/model.ckpt.data-00000-of-00001; No such file or directory\n\t [[{{node save/RestoreV2}}]]", True),
        ("OutOfRangeError: Graph execution error:\n\nRead less bytes than requested", True),
        ("tensorflow.python.framework.errors_impl.DataLossError: file is too short to be an sstable", True),
        ("DataLossError: TensorBundle at model.ckpt shard 0 (4 bytes): Checksum does not match", True),
        ("OSError: File does not exist. Received: /scratch/model.ckpt.meta.", True),
        ("    tf.train.import_meta_graph(\nUnicodeDecodeError: 'utf-8' codec can't decode byte 0xa2", True),
        ("RuntimeError: PytorchStreamReader failed reading zip archive: failed finding central directory", True),
        ('  File "torch/serialization.py", line 1, in load\nEOFError: Ran out of input', True),
        ("deepmd.tf.utils.errors.OutOfMemoryError: Your memory may be not enough", False),
        ("tensorflow.python.framework.errors_impl.InternalError: cudaSetDevice() on GPU:0 failed", False),
        ("EOFError: No data left in file", False),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'training/known/type.raw'", False),
    ],
)
def test_a_checkpoint_that_cannot_be_read_is_told_from_other_ends(said, is_torn):
    assert is_checkpoint_torn(RESTART + STACK + said + "\n") is is_torn
    assert not is_checkpoint_torn(RESTART + said)  # a warning ends nothing
    assert not is_checkpoint_torn(STACK + said + "\n" + STACK + "MemoryError\n")


STEPS = """\
[2026-01-01 10:00:00,704] DEEPMD INFO    Batch    2800: total wall time = 21.84 s, eta = 0:31:18 at 2026-01-01 10:31
[2026-01-01 10:00:20] DEEPMD INFO    Batch    3000: trn: rmse = 2.34e+00, rmse_e = 1.22e-02, rmse_f = 1.59e-01, lr
"""
VALIDATION = "[…] DEEPMD INFO    Batch    3000: val: rmse = 2.29e+00, rmse_e = 2.49e-02, rmse_f = 1.53e-01\n"
TIME = "[…] DEEPMD INFO    Batch    3000: total wall time = 19.67 s, eta = {} at 2026-01-01 10:28\n"


@pytest.mark.parametrize(
    ("text", "progress"),
    [
        ("Neighbor statistics: …", None),
        (STEPS, TrainingProgress(2800, 1878.0, None)),  # the next step has no time yet
        (STEPS + TIME.format("0:27:52"), TrainingProgress(3000, 1672.0, 0.159)),
        (STEPS + VALIDATION + TIME.format("1 day, 0:27:52"), TrainingProgress(3000, 88072.0, 0.153)),
        (STEPS + VALIDATION + TIME.format("2 days, 10:00:00"), TrainingProgress(3000, 208800.0, 0.153)),
        (STEPS + TIME.split(",")[0] + "\n", TrainingProgress(3000, None, 0.159)),
        (STEPS + TIME[:35], TrainingProgress(2800, 1878.0, None)),  # being written
    ],
)
def test_how_far_a_training_is(text, progress):
    assert read_progress(text) == progress

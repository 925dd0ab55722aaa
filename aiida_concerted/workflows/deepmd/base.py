"""One training of a deep potential, mended where it can be."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import (
    ExitCode,
    ProcessBuilder,
    ProcessHandlerReport,
    ProcessSpec,
    process_handler,
    while_,
)

from aiida_concerted.calculations.deepmd_checkpoint import checkpoint_of
from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation, training_parameters
from aiida_concerted.common.parameters import refuse_unknown
from aiida_concerted.formats.deepmd_log import is_checkpoint_torn
from aiida_concerted.workflows.executables import check_code
from aiida_concerted.workflows.options import calcjob_options
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.restarting import RestartingWorkChain

EXIT = DeepmdTrainCalculation.exit_codes

MONITORS = {"diverged": {"entry_point": "concerted.deepmd.stop_diverged", "minimum_poll_interval": 30}}
"""Attached to every training for which no others are given."""

MAX_HALVINGS = 2
"""How often a training that diverged is begun anew at half the learning rate; what still diverges has wrong labels."""

KEYS = ("max_iterations", "compress", "train")
"""What the protocols of a committee say about each of its members."""


class DeepmdBaseWorkChain(ProtocolMixin, RestartingWorkChain):
    """Trains one deep potential, goes on from its checkpoints, and answers a divergence with a lower learning rate."""

    _process_class = DeepmdTrainCalculation
    _protocol_file = "committee"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(DeepmdTrainCalculation, namespace="train")
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.expose_outputs(DeepmdTrainCalculation)
        spec.exit_code(
            410,
            "ERROR_NO_PROGRESS",
            message="The training was cut short twice before a checkpoint beyond step {step}: raise "
            "max_wallclock_seconds, or lower save_interval_steps.",
        )
        spec.exit_code(
            510,
            "ERROR_DIVERGED",
            message="The training diverged with each of the learning rates {rates}: look for wrong labels, or lower "
            "start_learning_rate further.",
        )

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what the protocol of a committee says about one member.

        :raises ValueError: if an override is none of a single training.
        """
        refuse_unknown(overrides or {}, KEYS, "the overrides of a training")
        inputs = super().get_protocol_inputs(protocol, overrides)
        return {key: inputs[key] for key in KEYS}

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        training: dict[str, orm.Data],
        *,
        validation: dict[str, orm.Data] | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: the ``dp`` code.
        :param training: frames to train on, by name.
        :param validation: held-out frames to test on, by name.
        :param overrides: differences from the protocol, in its own nesting.
        :param options: scheduler options.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        check_code(code, "dp")
        builder = cls.get_builder()
        builder.max_iterations = inputs["max_iterations"]
        builder.train.code = code
        builder.train.training = training
        if validation:
            builder.train.validation = validation
        builder.train.parameters = orm.Dict(inputs["train"])
        builder.train.compress = inputs["compress"]
        builder.train.metadata.options = calcjob_options(options, code)
        return builder

    def setup(self) -> None:
        """Take the inputs of the training, with our monitor unless others were asked for."""
        super().setup()
        self.ctx.inputs = self.exposed_inputs(DeepmdTrainCalculation, "train")
        if not self.ctx.inputs.get("monitors"):
            self.ctx.inputs["monitors"] = {name: orm.Dict(settings) for name, settings in MONITORS.items()}
        self._note_start()
        self.ctx.rates = [training_parameters(self.ctx.inputs.parameters).start_learning_rate]

    @process_handler(priority=600, exit_codes=[EXIT.ERROR_TRAINING_DIVERGED])
    def handle_divergence(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Begin anew at half the learning rate.

        A step that was too long threw the nets out of the region where they learn; a checkpoint may lie behind that
        step, so that none is used. Labels that are wrong diverge at every rate, so that it ends after some tries.
        """
        if len(self.ctx.rates) > MAX_HALVINGS:
            rates = ", ".join(f"{rate:.3g}" for rate in self.ctx.rates)
            return ProcessHandlerReport(True, self.exit_codes.ERROR_DIVERGED.format(rates=rates))
        parameters = self.ctx.inputs.parameters.get_dict()
        rate = 0.5 * self.ctx.rates[-1]
        stop = min(training_parameters(self.ctx.inputs.parameters).stop_learning_rate, rate)
        changes = {"start_learning_rate": rate, "stop_learning_rate": stop}
        self.ctx.inputs["parameters"] = orm.Dict({**parameters, **changes})
        self.ctx.inputs.pop("restart_folder", None)
        self.ctx.reached, self.ctx.rates = 0, [*self.ctx.rates, rate]
        self.report(f"training <{calculation.pk}>: {calculation.exit_message} Beginning anew at {rate:.3g}")
        return ProcessHandlerReport(True)

    @process_handler(
        priority=580, exit_codes=[EXIT.ERROR_TRAINING_STOPPED, EXIT.ERROR_NO_MODEL, EXIT.ERROR_NO_EVALUATION]
    )
    def handle_cut_short(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Go on from the last checkpoint, where there is a new one, so that no step before it is done again.

        The wall time, a kill or a machine that went down ended the training, or what follows it: freezing and testing
        alone are repeated then.
        """
        folder = calculation.outputs.remote_folder if "remote_folder" in calculation.outputs else None
        checkpoint = checkpoint_of(folder) if folder is not None else None
        if folder is not None and checkpoint is not None and checkpoint.step > self.ctx.reached:
            self.ctx.inputs["restart_folder"] = folder
            self.ctx.reached, self.ctx.stalled = checkpoint.step, False
            self.report(f"training <{calculation.pk}> was cut short; going on from step {checkpoint.step}")
            return ProcessHandlerReport(True)
        return self._try_once_more(calculation)

    @process_handler(priority=500, exit_codes=[EXIT.ERROR_NO_LEARNING_CURVE])
    def handle_not_begun(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Run once more what never came to its first step: a node that went down, a disk that was full."""
        return self._try_once_more(calculation)

    def _try_once_more(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Repeat a training that came no further, once; where its checkpoint is torn, begin where this process did."""
        if self.ctx.stalled and self._has_torn_checkpoint(calculation):
            self._begin_anew()
            self.report(f"training <{calculation.pk}> cannot read its checkpoint; beginning anew")
            return ProcessHandlerReport(True)
        if self.ctx.stalled:
            return ProcessHandlerReport(True, self._no_progress(calculation))
        self.ctx.stalled = True
        self.report(f"training <{calculation.pk}> came no further: {calculation.exit_message} Running it once more")
        return ProcessHandlerReport(True)

    def _has_torn_checkpoint(self, calculation: orm.CalcJobNode) -> bool:
        """Return whether a training could not read the checkpoint of one before it, which this process made.

        One that is killed while it writes a checkpoint leaves files of which DeePMD-kit cannot go on. A node without
        memory ends trainings before their first step as well: their checkpoint is sound, and is kept. So is a folder
        that was given, which is not ours to leave out.
        """
        folder, given = self.ctx.inputs.get("restart_folder"), self.inputs.train.get("restart_folder")
        if (
            folder is None
            or (given is not None and folder.uuid == given.uuid)
            or "retrieved" not in calculation.outputs
        ):
            return False
        repository, log = calculation.outputs.retrieved.base.repository, DeepmdTrainCalculation.LOGS["train"]
        if log not in repository.list_object_names():
            return False
        return is_checkpoint_torn(repository.get_object_content(log, mode="rb").decode(errors="replace"))

    def _begin_anew(self) -> None:
        """Go on from the folder that was given, or from nothing."""
        self.ctx.inputs.pop("restart_folder", None)
        if "restart_folder" in self.inputs.train:
            self.ctx.inputs["restart_folder"] = self.inputs.train.restart_folder
        self._note_start()

    def _note_start(self) -> None:
        """Note the step from which the training goes on."""
        folder = self.ctx.inputs.get("restart_folder")
        known = checkpoint_of(folder) if folder is not None else None
        self.ctx.reached = 0 if known is None else known.step
        self.ctx.stalled = False

    def _no_progress(self, calculation: orm.CalcJobNode) -> ExitCode:
        if calculation.exit_status == EXIT.ERROR_TRAINING_STOPPED.status:
            return self.exit_codes.ERROR_NO_PROGRESS.format(step=self.ctx.reached)
        return ExitCode(calculation.exit_status, calculation.exit_message)

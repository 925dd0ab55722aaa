"""Several potentials trained on the same frames from different seeds."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, WorkChain, if_, while_

from aiida_concerted.workflows.builders import inputs_of
from aiida_concerted.workflows.deepmd.base import KEYS, DeepmdBaseWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.waves import WavesWorkChain, positive

SEED_STRIDE = 1000
"""Distance between the seeds of two members, so that no two work chains of a study share one by accident."""


class DeepmdCommitteeWorkChain(ProtocolMixin, WavesWorkChain):
    """Trains a committee: the spread of its members' forces tells where the training data do not reach."""

    _protocol_file = "committee"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            DeepmdBaseWorkChain, exclude=("metadata", "train.seed", "train.initial_model", "train.restart_folder")
        )
        spec.input(
            "n_models",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(4),
            validator=positive,
            help="Potentials to train (a number without unit).",
        )
        spec.input(
            "seed",
            valid_type=orm.Int,
            serializer=orm.to_aiida_type,
            default=lambda: orm.Int(1),
            help=f"Seed of the first member (without unit); the others follow at a distance of {SEED_STRIDE}.",
        )
        spec.input_namespace(
            "initial_models",
            dynamic=True,
            required=False,
            help="Potentials that the members start from, by the members' names model_0, model_1, …; random without.",
        )
        spec.outline(
            cls.setup,
            while_(cls.has_pending)(cls.run_wave, cls.inspect_wave),
            if_(cls.has_failures)(cls.fail),
            cls.results,
        )
        spec.output_namespace("models", dynamic=True, help="The trained potentials by name.")
        spec.output_namespace(
            "metrics", dynamic=True, help="Errors of each member: energies in eV/atom, forces in eV/Å."
        )
        spec.output_namespace("learning_curves", dynamic=True, help="Loss and errors over the training steps.")
        spec.output_namespace(
            "evaluations", dynamic=True, required=False, help="Predicted and reference values of the held-out frames."
        )

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
        :param options: scheduler options of every training.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        member = DeepmdBaseWorkChain.get_builder_from_protocol(
            code, training, validation=validation, protocol=protocol, options=options,
            overrides={key: inputs[key] for key in KEYS},
        )  # fmt: skip
        builder = cls.get_builder()
        builder._update(inputs_of(member))
        builder.n_models = inputs["n_models"]
        builder.max_concurrent = inputs["max_concurrent"]
        return builder

    def setup(self) -> None:
        """Name the members."""
        self.ctx.names = [f"model_{index}" for index in range(self.inputs.n_models.value)]
        self.ctx.pending = list(self.ctx.names)

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the training of one member."""
        builder = DeepmdBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(DeepmdBaseWorkChain))
        builder.train.seed = orm.Int(self.inputs.seed.value + SEED_STRIDE * self.ctx.names.index(name))
        if name in self.inputs.get("initial_models", {}):
            builder.train.initial_model = self.inputs.initial_models[name]
        return builder

    def has_failures(self) -> bool:
        """Return whether a member could not be trained."""
        return bool(self.ctx.get("failed"))

    def fail(self) -> ExitCode | None:
        """Stop: a committee with a member missing would deviate by another measure."""
        return self.children_failed()

    def results(self) -> None:
        """Attach the members' outputs under their names."""
        labels = {
            "model": "models",
            "results": "metrics",
            "learning_curve": "learning_curves",
            "evaluation": "evaluations",
        }
        for name in self.ctx.names:
            outputs = self.child(name).outputs
            for label, namespace in labels.items():
                if label in outputs:
                    self.out(f"{namespace}.{name}", outputs[label])


def prepare_committee(chain: WorkChain, namespace: str, dataset: orm.Data) -> ProcessBuilder:
    """Return the training of a committee on a dataset, with what a learning work chain holds for it.

    :param chain: a work chain that exposes this one and has ``seed`` and, as it may be, ``validation``.
    :param namespace: where it exposes it.
    """
    builder = DeepmdCommitteeWorkChain.get_builder()
    builder._update(chain.exposed_inputs(DeepmdCommitteeWorkChain, namespace))
    builder.train.training = {"known": dataset}
    if "validation" in chain.inputs:
        builder.train.validation = {"held_out": chain.inputs.validation}
    builder.seed = chain.inputs.seed
    return builder

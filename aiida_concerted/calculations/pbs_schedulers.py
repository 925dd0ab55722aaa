"""PBS Pro and Torque with GPUs among the resources.

Both ask for GPUs in the same directive as for machines and processors, which AiiDA's plugins write without a place for
them, and a second directive of the same name is not heeded. These plugins know one more resource.
"""

from __future__ import annotations

from typing import Any

from aiida.common.extendeddicts import AttributeDict
from aiida.schedulers.datastructures import JobTemplate
from aiida.schedulers.plugins.pbsbaseclasses import PbsJobResource
from aiida.schedulers.plugins.pbspro import PbsproScheduler
from aiida.schedulers.plugins.torque import TorqueScheduler

GPUS = "num_gpus_per_machine"
"""The resource: GPUs on each machine."""


class GpuJobResource(PbsJobResource):
    """Machines, processors and GPUs."""

    _default_fields: tuple[str, ...] = (*PbsJobResource._default_fields, GPUS)  # type: ignore[assignment]

    @classmethod
    def validate_resources(cls, **kwargs: Any) -> AttributeDict:
        """Return the checked resources.

        :raises ValueError: if one is unknown, no number, or the numbers contradict each other.
        """
        gpus = kwargs.pop(GPUS, None)
        resources = super().validate_resources(**kwargs)
        if gpus is not None and (isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 1):
            raise ValueError(f"{GPUS} must be a whole number, 1 or more, got {gpus!r}")
        resources[GPUS] = gpus
        return resources


def _with_gpus(header: str, directive: str, request: str) -> str:
    """Return a header whose request for machines asks for GPUs too.

    :param directive: how the line begins that asks for machines, the number of them left out.
    """
    lines = header.split("\n")
    index = next(number for number, line in enumerate(lines) if line.startswith(directive))
    machines, *others = lines[index].split(",")
    lines[index] = ",".join([f"{machines}:{request}", *others])
    return "\n".join(lines)


class GpuPbsproScheduler(PbsproScheduler):
    """AiiDA's plugin for PBS Pro and OpenPBS, with GPUs among the resources."""

    _job_resource_class = GpuJobResource

    def _get_submit_script_header(self, job_tmpl: JobTemplate) -> str:
        """Return the head of the script of a job."""
        header = super()._get_submit_script_header(job_tmpl)
        gpus = job_tmpl.job_resource[GPUS]
        return header if gpus is None else _with_gpus(header, "#PBS -l select=", f"ngpus={gpus}")


class GpuTorqueScheduler(TorqueScheduler):
    """AiiDA's plugin for Torque, with GPUs among the resources."""

    _job_resource_class = GpuJobResource

    def _get_submit_script_header(self, job_tmpl: JobTemplate) -> str:
        """Return the head of the script of a job."""
        header = super()._get_submit_script_header(job_tmpl)
        gpus = job_tmpl.job_resource[GPUS]
        return header if gpus is None else _with_gpus(header, "#PBS -l nodes=", f"gpus={gpus}")

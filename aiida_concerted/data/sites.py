"""Site networks, and the history of the sites that carriers held."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import PlacedNetwork, Placement
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.data.migrations import SCHEMA_VERSION
from aiida_concerted.materials import SiteModel, parse_site_model, read_site_model
from aiida_concerted.materials.resolve import resolve_sites
from aiida_concerted.materials.writer import site_model_text

OUTLINE = "outline of a site model"
"""Label of cells that stand for structures which do not exist yet."""


class SiteNetworkData(orm.Data):
    """Labelled reference sites of one unit cell, with the hops between them that count as one step.

    :param network: the network.
    :param carrier: element symbol of the ions that move between the sites.
    :param site_model: YAML text of the model behind the network, occupancies included; structures are ordered from it.
    """

    _NETWORK = "network.json"
    _SITE_MODEL = "site_model.yaml"

    def __init__(self, network: SiteNetwork, *, carrier: str, site_model: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        content = json.dumps(network.as_dict(), indent=1, sort_keys=True).encode()
        self.base.repository.put_object_from_filelike(io.BytesIO(content), self._NETWORK)
        if site_model is not None:
            self.base.repository.put_object_from_filelike(io.BytesIO(site_model.encode()), self._SITE_MODEL)
        self.base.attributes.set_many(
            {
                "material": network.material,
                "carrier": carrier,
                "labels": list(network.counts),
                "counts": network.counts,
                "n_sites": network.n_sites,
                "max_edge_A": network.max_edge_A,
                "modes": list(network.modes),
            }
        )

    def _validate(self) -> bool:
        super()._validate()
        try:
            self.get_network()
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise ValidationError(f"this node holds no site network: {error}") from error
        return True

    @classmethod
    def from_site_model(
        cls, name: str | Path, *, carrier: str | None = None, material: str | None = None
    ) -> SiteNetworkData:
        """Return an unstored node of a site model.

        :param name: name of a shipped model, or the path of a YAML file or a CIF.
        :param carrier: element that moves; it picks the sites of a CIF, and a model of another element is refused.
        :param material: name of the material of a CIF, which knows none; that of the file when not given.
        :raises ValueError: if there is no such model, it is malformed, or of another carrier.
        """
        model = resolve_sites(name, carrier=carrier)
        if Path(name).suffix.lower() != ".cif":
            return cls(model.network(), carrier=model.carrier, site_model=read_site_model(name))
        model = dataclasses.replace(model, material=material or model.material)
        network = model.network()
        return cls(network, carrier=model.carrier, site_model=site_model_text(network, model.carrier))

    def get_site_model(self) -> SiteModel:
        """Return the model behind the network.

        :raises ValueError: if the node was made from a network alone.
        """
        if self._SITE_MODEL not in self.base.repository.list_object_names():
            raise ValueError("this site network holds no site model: give an ordered structure instead")
        return parse_site_model(yaml.safe_load(self.base.repository.get_object_content(self._SITE_MODEL, mode="r")))

    def get_outline(self) -> orm.StructureData:
        """Return an unstored cell that has every element and every site, overlapping ones too.

        It stands for structures that do not exist yet where only cell and elements count: the choice of potentials
        and k-points. Nothing should ever be computed for it.
        """
        network = self.get_network()
        structure = orm.StructureData(cell=network.cell.tolist(), label=OUTLINE)
        atoms = [(self.base.attributes.get("carrier"), position) for position in network.fractional]
        for elements, position in zip(network.framework_elements, network.framework_fractional, strict=True):
            atoms += [(element, position) for element in elements]
        for symbol, position in sorted(atoms, key=lambda atom: atom[0]):
            structure.append_atom(symbols=symbol, position=(position @ network.cell).tolist())
        return structure

    def get_network(self) -> SiteNetwork:
        """Return the network."""
        return SiteNetwork.from_dict(json.loads(self.base.repository.get_object_content(self._NETWORK, mode="r")))


class SiteHistoryData(orm.Data):
    """The site of every carrier over a run, run-length encoded, with how the network lies in the run's cell.

    :param history: the sites.
    :param placed: the network as it was placed for the assignment, or what is kept of that.
    :param context: material, formula, carrier, level_of_theory, n_atoms, temperature_K and optional study_uuid.
    """

    _HISTORY = "history.npz"
    CONTEXT = ("material", "formula", "carrier", "level_of_theory", "n_atoms", "temperature_K")

    def __init__(
        self,
        history: SiteHistory,
        placed: PlacedNetwork | Placement,
        *,
        context: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        buffer = io.BytesIO()
        kept = placed if isinstance(placed, Placement) else Placement.of(placed)
        np.savez_compressed(buffer, cell_A=kept.cell, **history.to_arrays())
        buffer.seek(0)
        self.base.repository.put_object_from_filelike(buffer, self._HISTORY)
        self.base.attributes.set_many(
            {
                "n_frames": history.n_frames,
                "frame_interval_ps": history.frame_interval_ps,
                "n_hops": history.n_hops,
                "n_carriers": history.n_carriers,
                **kept.as_attributes(),
                "schema_version": SCHEMA_VERSION,
                **{key: value for key, value in context.items() if value is not None},
            }
        )

    def _validate(self) -> bool:
        super()._validate()
        missing = [key for key in self.CONTEXT if self.base.attributes.get(key) is None]
        if missing:
            raise ValidationError(f"a site history needs {', '.join(missing)}")
        try:
            self.get_history()
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise ValidationError(f"this node holds no site history: {error}") from error
        return True

    def _arrays(self) -> dict[str, Any]:
        with self.base.repository.open(self._HISTORY, "rb") as handle:
            content = io.BytesIO(handle.read())
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}

    def get_history(self) -> SiteHistory:
        """Return the history."""
        return SiteHistory.from_arrays(self._arrays())

    def place(self, network: SiteNetwork) -> PlacedNetwork:
        """Return the network placed as it was for this history.

        :raises ValueError: if it is not the network of this history.
        """
        arrays, attributes = self._arrays(), self.base.attributes.all
        placement = Placement.from_attributes(arrays["cell_A"], attributes)
        return placement.place(network, SiteHistory.from_arrays(arrays).labels)

"""Site models and reference values as data files, and their loader."""

from aiida_concerted.materials.loader import load_site_model, parse_site_model, read_site_model, shipped_materials
from aiida_concerted.materials.model import Orbit, SiteModel
from aiida_concerted.materials.reference import ReferenceValue, load_reference_values, short_source
from aiida_concerted.materials.resolve import resolve_sites

__all__ = [
    "Orbit",
    "ReferenceValue",
    "SiteModel",
    "load_reference_values",
    "load_site_model",
    "parse_site_model",
    "read_site_model",
    "resolve_sites",
    "shipped_materials",
    "short_source",
]

"""A study in one declarative file: read, checked against its schema, and turned into a builder."""

from aiida_concerted.workflows.studyfile.build import ONLY, build
from aiida_concerted.workflows.studyfile.preview import preview
from aiida_concerted.workflows.studyfile.reading import StudyFile, parse_study, read_study_file, write_study_file
from aiida_concerted.workflows.studyfile.schema import SCHEMA, study_schema

__all__ = (
    "ONLY",
    "SCHEMA",
    "StudyFile",
    "build",
    "parse_study",
    "preview",
    "read_study_file",
    "study_schema",
    "write_study_file",
)

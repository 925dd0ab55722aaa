"""Folders as aiida-vasp retrieves them, made of text."""

import io

from aiida import orm

from tests.data.test_vasp import vasprun


def retrieved(**content):
    """Return a stored folder with a vasprun.xml; see ``vasprun`` for what it may hold."""
    folder = orm.FolderData()
    folder.base.repository.put_object_from_filelike(io.BytesIO(vasprun(**content).encode()), "vasprun.xml")
    return folder.store()

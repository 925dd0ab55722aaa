"""POTCAR families: found, compared with a folder by hashes, uploaded by aiida-vasp; no text is shown."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterable
from pathlib import Path

from aiida_concerted.environment.errors import SetupError
from aiida_concerted.environment.setup.step import Step
from aiida_concerted.environment.setup.wishes import PotcarWish

_PACKED = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.z")
PLACEHOLDER_TEXT = "headers only, for the surrogate; not pseudopotentials"


def look_at_potcars(wish: PotcarWish, *, is_profile_there: bool = True) -> Step:
    """Return whether a family is there and whole, and what would make it.

    :param is_profile_there: whether a profile is loaded that may have it.
    :raises SetupError: if there is nothing to make it of.
    """
    subject = f"POTCAR family {wish.family}"
    files = _files(wish.folder) if wish.folder is not None else []
    there = hashes_of(wish.family) if is_profile_there else set()
    if not there:
        if wish.folder is None and not wish.placeholders:
            raise SetupError(
                f"potcars: there is no POTCAR family '{wish.family}': give the folder of your POTCAR files"
            )
        what = "placeholders, which are no pseudopotentials" if wish.placeholders else f"{len(files)} POTCAR files"
        return Step(subject, "missing", f"{what}{f' in {wish.folder}' if wish.folder else ''}", lambda: upload(wish))
    absent = _absent(wish, files, there)
    if absent:
        return Step(
            subject,
            "differs",
            f"lacks {len(absent)} of the {len(files)} POTCAR files in {wish.folder}, such as {absent[0]}: "
            "name the new family otherwise",
        )
    return Step(subject, "agrees", f"{len(there)} POTCARs")


def hashes_of(family: str) -> set[str]:
    """Return the SHA-512 of every POTCAR of a family, as aiida-vasp counts it; none where there is no family."""
    from aiida import orm
    from aiida.plugins import DataFactory
    from aiida_vasp.data.potcar import PotcarGroup

    query = orm.QueryBuilder().append(PotcarGroup, filters={"label": family}, tag="family")
    query.append(DataFactory("vasp.potcar"), with_group="family", project="attributes.sha512")
    return set(query.all(flat=True))


def families() -> list[str]:
    """Return the labels of all POTCAR families."""
    from aiida import orm
    from aiida_vasp.data.potcar import PotcarGroup

    return sorted(orm.QueryBuilder().append(PotcarGroup, project="label").all(flat=True))


def missing_for(family: str, elements: Iterable[str]) -> list[str]:
    """Return the POTCAR names that a family lacks, of those that the protocols choose for elements."""
    from aiida_vasp.data.potcar import PotcarData

    chosen = _chosen_names()
    names = {element: chosen.get(element, element) for element in elements}
    return [
        name
        for element, name in names.items()
        if name not in PotcarData.get_full_names(family_name=family, element=element)
    ]


def upload(wish: PotcarWish) -> None:
    """Upload a family.

    :raises SetupError: if aiida-vasp refuses.
    """
    if wish.folder is not None:
        _upload(wish.folder, wish.family, wish.description or f"uploaded from a folder '{wish.folder.name}'")
        return
    upload_placeholders(wish.family, placeholder_names())


def upload_placeholders(family: str, names: dict[str, str]) -> None:
    """Upload a family of headers for the surrogate.

    :param names: POTCAR name of each element.
    """
    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    with tempfile.TemporaryDirectory(prefix="concerted-") as folder:
        write_placeholder_potcars(Path(folder), {name: element for element, name in names.items()})
        _upload(Path(folder), family, PLACEHOLDER_TEXT)


def placeholder_names() -> dict[str, str]:
    """Return the POTCAR name of every element, as the protocols choose them."""
    from ase.data import chemical_symbols

    heaviest = 86  # the surrogate's headers end before the seventh row
    chosen = _chosen_names()
    return {element: chosen.get(element, element) for element in chemical_symbols[1 : heaviest + 1]}


def _chosen_names() -> dict[str, str]:
    from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain

    return dict(VaspBaseWorkChain.get_protocol_inputs("balanced")["potentials"])


def _upload(folder: Path, family: str, description: str) -> None:
    from aiida_vasp.data.potcar import PotcarData

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            PotcarData.upload_potcar_family(str(folder), family, description, stop_if_existing=False)
    except Exception as error:  # whatever its parser raises, which may quote the file
        raise SetupError(
            f"potcars: aiida-vasp cannot upload {folder} ({type(error).__name__}): see that every file in it whose "
            "name has POTCAR in it is one POTCAR of one element"
        ) from None


def _files(folder: Path) -> list[Path]:
    """Return the POTCAR files below a folder.

    :raises SetupError: if there are none, or packed ones, which aiida-vasp would unpack beside them.
    """
    everything = [path for path in folder.rglob("*") if path.is_file()]
    packed = [path for path in everything if path.name.lower().endswith(_PACKED)]
    if packed:
        raise SetupError(f"potcars.folder: {packed[0]} is packed: unpack it, and name the folder that comes of it")
    files = sorted(path for path in everything if "POTCAR" in path.name)
    if not files:
        raise SetupError(f"potcars.folder: there is no file POTCAR below {folder}")
    return files


def _absent(wish: PotcarWish, files: Iterable[Path], there: set[str]) -> list[str]:
    from aiida_vasp.data.potcar import PotcarFileData

    return [
        str(path.relative_to(wish.folder or path.parent))
        for path in files
        if PotcarFileData.get_file_sha512(path) not in there
    ]

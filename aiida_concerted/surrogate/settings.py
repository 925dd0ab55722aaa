"""From INCAR to what is done: which tags are honoured, which have no effect, and which are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from aiida_concerted.formats.incar import Incar, as_logical
from aiida_concerted.formats.vasp_output import Parameter

Mode = Literal["static", "md", "relax"]

HONOURED = frozenset(
    "EDIFF EDIFFG IBRION ISIF KGAMMA KSPACING MDALGO NBLOCK NELM NSW POMASS POTIM RANDOM_SEED SMASS SYSTEM TEBEG"
    " TEEND".split()
)
"""Tags that say what is done, or that stand in the outputs."""

WITHOUT_EFFECT = frozenset(
    "ADDGRID ALGO AMIN AMIX AMIX_MAG APACO BMIX BMIX_MAG EBREAK EMAX EMIN ENAUG ENCUT ENINI GGA_COMPAT IALGO ICHARG"
    " IMIX INIMIX INIWAV ISMEAR ISPIN ISTART ISYM IWAVPR KBLOCK KPAR LASPH LASYNC LCHARG LCORR LDAUJ LDAUL LDAUPRINT"
    " LDAUTYPE LDAUU LDIAG LELF LH5 LHFONE LMAXMIX LMAXPAW LMIXTAU LORBIT LPLANE LREAL LSCALAPACK LSCALU LSCAAWARE"
    " LVHAR LVTOT LWAVE LWAVEH5 LCHARGH5 MAGMOM MAXMIX MIXPRE NBANDS NCORE NEDOS NELMDL NELMGW NELMIN NFREE NGX NGXF"
    " NGY NGYF NGZ NGZF NOMEGA NPACO NPAR NSIM NWRITE PREC RANDOM_GENERATOR ROPT RWIGS SIGMA SYMPREC TIME VOSKOWN WC"
    " WEIMIN".split()
)
"""Tags of electrons, symmetry, output and parallelism: the forces come from a fitted potential, which has none."""

ALLOWED: dict[str, frozenset[str]] = {
    "ANDERSEN_PROB": frozenset({"0"}),
    "EFIELD": frozenset({"0"}),
    "GGA": frozenset({"PE", "--"}),
    "IDIPOL": frozenset({"0"}),
    "IVDW": frozenset({"0"}),
    "LBERRY": frozenset({"F"}),
    "LCALCEPS": frozenset({"F"}),
    "LCALCPOL": frozenset({"F"}),
    "LCHIMAG": frozenset({"F"}),
    "LDAU": frozenset({"F"}),
    "LDIPOL": frozenset({"F"}),
    "LEPSILON": frozenset({"F"}),
    "LHFCALC": frozenset({"F"}),
    "LMONO": frozenset({"F"}),
    "LNONCOLLINEAR": frozenset({"F"}),
    "LOPTICS": frozenset({"F"}),
    "LSOL": frozenset({"F"}),
    "LSORBIT": frozenset({"F"}),
    "LUSE_VDW": frozenset({"F"}),
    "METAGGA": frozenset({"NONE", "--"}),
    "ML_LMLFF": frozenset({"F"}),
    "NELECT": frozenset(),
    "NUPDOWN": frozenset({"-1"}),
    "PSTRESS": frozenset({"0"}),
}
"""Tags that change VASP's result in a way that is not done here, with the values at which they change nothing."""


@dataclass(frozen=True)
class RunSettings:
    """What one run does.

    :param mode: one evaluation, molecular dynamics or a relaxation.
    :param ibrion: VASP's IBRION, likewise the fields named after a tag.
    :param timestep: of molecular dynamics in fs (POTIM).
    :param temperatures: at the beginning and at the end in K (TEBEG, TEEND).
    :param smass: Nosé mass in u × |a₁|² (0: a period of 40 steps), or −3 without a thermostat.
    :param seed: of the initial velocities.
    """

    mode: Mode
    system: str
    ibrion: int
    nsw: int
    isif: int
    mdalgo: int
    smass: float
    timestep: float
    temperatures: tuple[float, float]
    seed: tuple[int, ...]
    ediff: float
    ediffg: float
    nelm: int
    nblock: int

    @property
    def with_stress(self) -> bool:
        """Return whether the stress is computed: VASP leaves it out with ISIF 0, its default in molecular dynamics."""
        return self.isif >= 2

    @property
    def has_thermostat(self) -> bool:
        """Return whether a Nosé–Hoover thermostat acts."""
        return self.smass >= 0

    def temperature(self, step: int) -> float:
        """Return the target temperature of a step in K, a line from TEBEG to TEEND.

        :param step: number of the step, from 1.
        """
        begin, end = self.temperatures
        return begin + (end - begin) * step / max(self.nsw, 1)


def settings_from_incar(incar: Incar) -> RunSettings:
    """Return what the tags ask for.

    :raises ValueError: if a tag is unknown, is refused, or does not fit the others; the message names it.
    """
    for tag in incar.values:
        _check_tag(incar, tag)
    nsw = max(0, incar.integer("NSW", 0))
    ibrion = incar.integer("IBRION", 0 if nsw > 0 else -1)
    mode = _mode(incar, ibrion, nsw)
    ediff = incar.real("EDIFF", 1e-4)
    begin = incar.real("TEBEG", 0.0)
    settings = RunSettings(
        mode=mode,
        system=incar.text("SYSTEM", "unknown system"),
        ibrion=ibrion,
        nsw=nsw,
        isif=_isif(incar, mode),
        mdalgo=incar.integer("MDALGO", 0),
        smass=incar.real("SMASS", -3.0),
        timestep=incar.real("POTIM", 0.5),
        temperatures=(begin, incar.real("TEEND", begin)),
        seed=_seed(incar),
        ediff=ediff,
        ediffg=incar.real("EDIFFG", 10 * ediff),
        nelm=incar.integer("NELM", 60),
        nblock=incar.integer("NBLOCK", 1),
    )
    _check_counts(incar, settings)
    if mode == "md":
        _check_dynamics(incar, settings)
    return settings


def parameters_in_force(incar: Incar, settings: RunSettings, *, n_electrons: float) -> dict[str, dict[str, Parameter]]:
    """Return the values in force in VASP's groups, defaults included, for the outputs.

    :param n_electrons: valence electrons of the potentials.
    """
    return {
        "general": {"SYSTEM": settings.system},
        "electronic": {
            "PREC": incar.text("PREC", "normal").lower(),
            "ENMAX": incar.real("ENCUT", 0.0),
            "EDIFF": settings.ediff,
            "NELECT": n_electrons,
        },
        "electronic smearing": {"ISMEAR": incar.integer("ISMEAR", 1), "SIGMA": incar.real("SIGMA", 0.2)},
        "electronic spin": {"ISPIN": incar.integer("ISPIN", 1), "LNONCOLLINEAR": False, "LSORBIT": False},
        "electronic convergence": {"NELM": settings.nelm, "NELMIN": incar.integer("NELMIN", 2)},
        "ionic": {
            "NSW": settings.nsw,
            "IBRION": settings.ibrion,
            "MDALGO": settings.mdalgo,
            "ISIF": settings.isif,
            "EDIFFG": settings.ediffg,
            "POTIM": settings.timestep,
            "SMASS": settings.smass,
        },
        "ionic md": {
            "TEBEG": settings.temperatures[0],
            "TEEND": settings.temperatures[1],
            "NBLOCK": settings.nblock,
        },
        "symmetry": {"ISYM": incar.integer("ISYM", 2)},
        "electronic exchange-correlation": {
            "GGA": incar.text("GGA", "--"),
            "LDAU": False,
            "LHFCALC": False,
            "AEXX": 0.0,
            "HFSCREEN": 0.0,
        },
    }


def _check_tag(incar: Incar, tag: str) -> None:
    """Refuse what would be done otherwise than asked."""
    if tag in HONOURED or tag in WITHOUT_EFFECT:
        return
    if tag not in ALLOWED:
        raise ValueError(f"{incar.where(tag)}: the surrogate does not know this tag; remove it")
    if _normalised(incar.values[tag]) not in ALLOWED[tag]:
        raise ValueError(
            f"{incar.where(tag)} changes the result in a way that the surrogate does not compute; remove it"
        )


def _normalised(value: str) -> str:
    """Return a value in one spelling."""
    truth = as_logical(value)
    if truth is not None:
        return "T" if truth else "F"
    try:
        return f"{float(value):g}"
    except ValueError:
        return value.upper()


def _mode(incar: Incar, ibrion: int, nsw: int) -> Mode:
    """Return the kind of run."""
    if ibrion not in {-1, 0, 1, 2}:
        raise ValueError(f"{incar.where('IBRION')} is not done by the surrogate; use -1, 0, 1 or 2")
    if ibrion == -1 and nsw > 1:
        raise ValueError(f"{incar.where('NSW')} does not go with IBRION = -1; use NSW = 0")
    if nsw == 0 or ibrion == -1:
        return "static"
    return "md" if ibrion == 0 else "relax"


def _isif(incar: Incar, mode: Mode) -> int:
    """Return ISIF after the check that it can be honoured."""
    isif = incar.integer("ISIF", 0 if mode == "md" else 2)
    possible = {0, 2} if mode == "md" else {0, 2, 3}
    if isif not in possible:
        raise ValueError(f"{incar.where('ISIF')} is not done by the surrogate here; use one of {sorted(possible)}")
    return isif


def _seed(incar: Incar) -> tuple[int, ...]:
    """Return the seed of the initial velocities; the same at every run where none is given."""
    numbers = incar.reals("RANDOM_SEED", (0.0,))
    if any(number < 0 or number != int(number) for number in numbers):
        raise ValueError(f"{incar.where('RANDOM_SEED')} must be whole numbers that are not negative")
    return tuple(int(number) for number in numbers)


def _check_counts(incar: Incar, settings: RunSettings) -> None:
    """Refuse counts that mean nothing."""
    for tag, value in (("NELM", settings.nelm), ("NBLOCK", settings.nblock)):
        if value < 1:
            raise ValueError(f"{incar.where(tag)} must be positive")


def _check_dynamics(incar: Incar, settings: RunSettings) -> None:
    """Refuse dynamics that VASP would refuse, or that is not done here."""
    if "POTIM" not in incar or settings.timestep <= 0:
        raise ValueError(f"{incar.name}: IBRION = 0 needs a positive time step POTIM in fs")
    if settings.mdalgo not in {0, 2}:
        raise ValueError(f"{incar.where('MDALGO')} is not done by the surrogate; use 0 or 2")
    if settings.smass < 0 and settings.smass != -3:
        raise ValueError(f"{incar.where('SMASS')} is not done by the surrogate; use -3 (NVE) or 0 and above (NVT)")
    if settings.mdalgo == 2 and not settings.has_thermostat:
        raise ValueError(f"{incar.name}: MDALGO = 2 needs SMASS = 0 or above")
    if min(settings.temperatures) < 0:
        raise ValueError(f"{incar.name}: TEBEG and TEEND cannot be negative")
    if settings.has_thermostat and min(settings.temperatures) <= 0:
        raise ValueError(f"{incar.name}: a thermostat needs TEBEG and TEEND above 0 K")

"""Physical constants and unit conversions; CODATA 2018, exact where the SI defines them.

Inside the package the units are Å, ps, eV, K and e; nothing else converts.
"""

BOLTZMANN_EV_PER_K = 8.617333262e-5
"""Boltzmann constant in eV K⁻¹."""

ELEMENTARY_CHARGE_C = 1.602176634e-19
"""Elementary charge in C."""

EV_PER_A3_IN_KBAR = 1602.176634
"""One eV Å⁻³ in kbar, VASP's unit of stress."""

A2_PER_PS_IN_M2_PER_S = 1.0e-8
"""One Å² ps⁻¹ in m² s⁻¹."""

PS_IN_S = 1.0e-12
"""One ps in s."""

FS_IN_PS = 1.0e-3
"""One fs in ps."""

NS_IN_PS = 1.0e3
"""One ns in ps."""

DAY_IN_S = 86400.0
"""One day in s."""

U_A2_PER_FS2_IN_EV = 103.64269652680505
"""One u Å² fs⁻² in eV."""

S_PER_M_IN_MS_PER_CM = 10.0
"""One S m⁻¹ in mS cm⁻¹."""


def conductivity_S_m(
    diffusivity_m2_s: float, charge: float, n_carriers: int, volume_A3: float, temperature_K: float
) -> float:
    """Return the Nernst–Einstein conductivity in S m⁻¹ of a diffusivity.

    Given the charge diffusivity instead of the tracer diffusivity, this is the collective conductivity.

    :param diffusivity_m2_s: diffusivity in m² s⁻¹.
    :param charge: charge of one carrier in e.
    :param n_carriers: carriers in the volume.
    :param volume_A3: volume in Å³.
    :param temperature_K: temperature in K.
    """
    density = n_carriers / (volume_A3 * 1.0e-30)
    thermal_energy_J = BOLTZMANN_EV_PER_K * ELEMENTARY_CHARGE_C * temperature_K
    return density * (charge * ELEMENTARY_CHARGE_C) ** 2 * diffusivity_m2_s / thermal_energy_J

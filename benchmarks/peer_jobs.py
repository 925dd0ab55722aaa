"""The jobs done by other packages, in an environment of their own; imports nothing of this one but the case."""

from __future__ import annotations

import numpy as np

from benchmarks.peer_case import (
    BIN_A,
    N_ORIGINS,
    N_RDF_FRAMES,
    PAIR_WINDOW,
    R_MAX_A,
    VAN_HOVE_LAG,
    VOXEL_A,
    Answer,
    Case,
    Job,
    Work,
    main,
    shell_mean,
)

FS_PER_STEP, STEPS_PER_FRAME = 2, 50


def rdf_frames(case: Case) -> np.ndarray:
    """Return the frames whose radial distribution is taken, as many for every package."""
    return np.unique(np.linspace(0, case.n_frames - 1, min(N_RDF_FRAMES, case.n_frames)).round().astype(int))


def van_hove_origins(case: Case) -> np.ndarray:
    """Return the time origins of the van Hove function, as many for every package."""
    n = case.n_frames - VAN_HOVE_LAG
    return np.unique(np.linspace(0, n - 1, min(N_ORIGINS, n)).round().astype(int))


# pymatgen and pymatgen-analysis-diffusion


def structure_of(case: Case, frame: int = 0):
    """Return a frame as pymatgen's structure."""
    from pymatgen.core import Lattice, Structure

    species = ["Li"] * case.n_carriers + ["S"] * len(case.framework)
    coordinates = np.concatenate([case.positions[frame], case.framework])
    return Structure(Lattice(case.cell), species, coordinates, coords_are_cartesian=True)


def analyzer_of(case: Case, **options):
    """Return pymatgen's analyser, which computes everything when it is made."""
    from pymatgen.analysis.diffusion.analyzer import DiffusionAnalyzer

    moved = (case.positions - case.positions[0]).transpose(1, 0, 2)
    rest = np.zeros((len(case.framework), case.n_frames, 3))
    structure, displacements = structure_of(case), np.concatenate([moved, rest])
    return lambda: DiffusionAnalyzer(structure, displacements, "Li", 600.0, FS_PER_STEP, STEPS_PER_FRAME, **options)


def pymatgen_msd(case: Case) -> Work:
    """Return the displacement at some 200 lags, fit included: the analyser offers nothing less."""
    make = analyzer_of(case)

    def work() -> Answer:
        analyzer = make()
        lag_fs = case.lag * FS_PER_STEP * STEPS_PER_FRAME
        return {"A2": float(np.interp(lag_fs, analyzer.dt, analyzer.msd))}

    return work


def pymatgen_diffusivity(case: Case) -> Work:
    """Return the tracer diffusivity and the error stated with it."""
    make = analyzer_of(case)

    def work() -> Answer:
        analyzer = make()
        return {"m2_s": analyzer.diffusivity * 1e-4, "stderr": analyzer.diffusivity_std_dev * 1e-4}

    return work


PYMATGEN_ORIGINS = 3


def pymatgen_van_hove(case: Case) -> Work:
    """Return the van Hove function at lag zero and one lag, from the first frames, as the class does."""
    from pymatgen.analysis.diffusion.aimd.van_hove import VanHoveAnalysis

    analyzer = analyzer_of(case.first(PYMATGEN_ORIGINS + VAN_HOVE_LAG), smoothed=False)()

    def work() -> Answer:
        n_grid = round(R_MAX_A / BIN_A) + 1
        function = VanHoveAnalysis(
            analyzer, avg_nsteps=PYMATGEN_ORIGINS, ngrid=n_grid, rmax=R_MAX_A, step_skip=VAN_HOVE_LAG, species=("Li",)
        )
        return {"g": shell_mean(function.interval, function.gdrt[1])}

    return work


def pymatgen_rdf(case: Case) -> Work:
    """Return the radial distribution by the faster of the two classes."""
    from pymatgen.analysis.diffusion.aimd.rdf import RadialDistributionFunctionFast

    structures = [structure_of(case, frame) for frame in rdf_frames(case)]

    def work() -> Answer:
        functions = RadialDistributionFunctionFast(
            structures, rmax=R_MAX_A, ngrid=round(R_MAX_A / BIN_A) + 1, sigma=0.0, n_jobs=1
        )
        r, g = functions.get_rdf("Li", "Li")
        return {"g": shell_mean(r, g)}

    return work


def pymatgen_sites(case: Case) -> Work:
    """Return mean occupancies; the class keeps no site of any carrier."""
    from pymatgen.analysis.diffusion.aimd.pathway import SiteOccupancyAnalyzer

    fractional, structure = case.fractional(), structure_of(case)

    def work() -> Answer:
        found = SiteOccupancyAnalyzer(structure, case.sites, fractional, species=("Li",))
        planted = np.bincount(case.planted.ravel(), minlength=len(case.sites)) / case.n_frames
        return {"largest_difference_of_occupancy": float(np.abs(found.site_occ - planted).max())}

    return work


def pymatgen_density(case: Case) -> Work:
    """Return the probability density."""
    from pymatgen.analysis.diffusion.aimd.pathway import ProbabilityDensityAnalysis

    fractional, structure = case.fractional(), structure_of(case)

    def work() -> Answer:
        found = ProbabilityDensityAnalysis(structure, fractional, interval=VOXEL_A, species=("Li",))
        return {"carriers": float(found.Pr.mean() * structure.volume * case.n_carriers)}

    return work


# site-analysis


def site_analysis_trajectory(case: Case):
    """Return the package's trajectory object and pymatgen structures of all frames."""
    from site_analysis.builders import create_trajectory_with_voronoi_sites

    structures = [structure_of(case, frame) for frame in range(case.n_frames)]
    trajectory = create_trajectory_with_voronoi_sites(structures[0], "Li", case.sites.tolist(), None)
    return trajectory, structures


def site_analysis_sites(case: Case) -> Work:
    """Return the site of every carrier at every frame."""
    trajectory, structures = site_analysis_trajectory(case)

    def work() -> Answer:
        for number, structure in enumerate(structures):
            trajectory.append_timestep(structure, t=number)
        found = np.array(trajectory.atoms_trajectory) - min(site.index for site in trajectory.sites)
        found = found if found.shape == case.planted.shape else found.T
        return {"agreement": float((found == case.planted).mean())}

    return work


def filled(case: Case):
    """Return the package's trajectory object with all frames in it."""
    trajectory, structures = site_analysis_trajectory(case)
    for number, structure in enumerate(structures):
        trajectory.append_timestep(structure, t=number)
    return trajectory


def site_analysis_hops(case: Case) -> Work:
    """Return the counted transitions between sites."""
    trajectory = filled(case)
    return lambda: {"n": float(trajectory.transition_counts_by_site().matrix.sum())}


def site_analysis_residence(case: Case) -> Work:
    """Return the mean of complete stays."""
    trajectory = filled(case)

    def work() -> Answer:
        stays = [stay for site in trajectory.sites for stay in site.residence_times()]
        return {"ps": float(np.mean(stays or [0.0])) * case.interval_ps}

    return work


# GEMDAT


def gemdat_of(case: Case):
    """Return GEMDAT's trajectory."""
    from gemdat import Trajectory
    from pymatgen.core import Element

    framework = np.broadcast_to(case.framework @ np.linalg.inv(case.cell), (case.n_frames, *case.framework.shape))
    return Trajectory(
        species=[Element("Li")] * case.n_carriers + [Element("S")] * len(case.framework),
        coords=np.concatenate([case.fractional(), framework % 1.0], axis=1),
        lattice=case.cell,
        time_step=case.interval_ps * 1e-12,
        metadata={"temperature": 600.0},
    )


def gemdat_msd(case: Case) -> Work:
    """Return the displacement of every carrier at all lags."""
    trajectory = gemdat_of(case).filter("Li")
    return lambda: {"A2": float(trajectory.mean_squared_displacement().mean(axis=0)[case.lag])}


def gemdat_diffusivity(case: Case) -> Work:
    """Return mean and standard deviation of the end-point diffusivity of ten parts."""
    from gemdat.metrics import TrajectoryMetricsStd

    trajectory = gemdat_of(case).filter("Li")

    def work() -> Answer:
        found = TrajectoryMetricsStd(trajectory.split(10)).tracer_diffusivity(dimensions=3)
        return {"m2_s": float(found.nominal_value), "stderr": float(found.std_dev)}

    return work


def gemdat_rdf(case: Case) -> Work:
    """Return the radial distribution."""
    chosen = case.positions[rdf_frames(case)]
    trajectory = gemdat_of(Case(chosen, case.framework, case.cell, case.sites, case.site_cell, case.planted))

    def work() -> Answer:
        found = trajectory.radial_distribution_between_species(
            specie_1="Li", specie_2="Li", max_dist=R_MAX_A, resolution=BIN_A
        )
        return {"g": shell_mean(found.x + 0.5 * BIN_A, found.y)}

    return work


def gemdat_transitions(case: Case):
    """Return a function that finds the transitions, with spheres of 1.45 Å as sites."""
    from pymatgen.core import Lattice, Structure

    trajectory = gemdat_of(case)
    sites = Structure(Lattice(case.cell), ["Li"] * len(case.sites), case.sites, labels=["A"] * len(case.sites))
    return lambda: trajectory.transitions_between_sites(sites, "Li", site_radius=1.45)


def gemdat_sites(case: Case) -> Work:
    """Return sites and transitions; a carrier outside all spheres has no site."""
    find = gemdat_transitions(case)
    return lambda: {"agreement": float((find().states == case.planted).mean())}


def gemdat_hops(case: Case) -> Work:
    """Return the jumps."""
    transitions = gemdat_transitions(case)()
    return lambda: {"n": transitions.jumps().n_jumps}


def gemdat_pairs(case: Case) -> Work:
    """Return the collective pairs of jumps within the window."""
    from gemdat.collective import Collective

    jumps = gemdat_transitions(case)().jumps()
    lattice = jumps.trajectory.get_lattice()
    return lambda: {"n": len(Collective(jumps, jumps.sites, lattice, max_steps=PAIR_WINDOW).coll_jumps)}


def gemdat_residence(case: Case) -> Work:
    """Return the mean of complete stays."""
    transitions = gemdat_transitions(case)()
    return lambda: {"ps": float(transitions.residence_time()["time"].mean()) * case.interval_ps}


def gemdat_density(case: Case) -> Work:
    """Return the counts on a grid."""
    trajectory = gemdat_of(case).filter("Li")
    return lambda: {"carriers": float(trajectory.to_volume(resolution=VOXEL_A).data.sum() / case.n_frames)}


# kinisi


def kinisi_diffusivity(case: Case) -> Work:
    """Return the tracer diffusivity with its error, from the displacement at 100 lags."""
    import scipp as sc
    from kinisi.analyze import DiffusionAnalyzer
    from kinisi.displacement import calculate_msd
    from kinisi.parser import Parser

    framework = np.broadcast_to(case.framework @ np.linalg.inv(case.cell), (case.n_frames, *case.framework.shape))
    fractional = np.concatenate([case.fractional(), framework % 1.0], axis=1)
    dims, n = ["time", "particle", "dimension"], case.n_carriers
    coordinates = sc.array(dims=dims, values=fractional, unit=sc.units.dimensionless)
    cells = np.broadcast_to(case.cell, (case.n_frames, 3, 3)).copy()
    lattice = sc.array(dims=["time", "dimension1", "dimension2"], values=cells, unit=sc.units.angstrom)
    # Its number of independent displacements counts from the longest lag asked for, so that must be the whole run.
    frames = np.unique(np.linspace(1, case.n_frames - 1, 100).round())
    lags = sc.array(dims=["time interval"], values=frames * case.interval_ps, unit=sc.Unit("ps"))

    def work() -> Answer:
        parser = Parser(
            coordinates, lattice, case.interval_ps * sc.Unit("ps"), 1 * sc.units.dimensionless, dt=lags,
            specie_indices=sc.array(dims=["particle"], values=np.arange(n), unit=None),
            drift_indices=sc.array(dims=["particle"], values=np.arange(n, fractional.shape[1]), unit=None),
        )  # fmt: skip
        analyzer = DiffusionAnalyzer(parser)
        analyzer._dg = calculate_msd(parser, progress=False)
        analyzer.diffusion(lags[0], progress=False)
        samples = sc.to_unit(analyzer.D, "m^2/s").values
        return {"m2_s": float(samples.mean()), "stderr": float(samples.std())}

    return work


# MDAnalysis, freud, tidynamics


def universe_of(case: Case, positions: np.ndarray):
    """Return the carriers as an MDAnalysis universe in memory."""
    import MDAnalysis

    universe = MDAnalysis.Universe.empty(case.n_carriers, trajectory=True)
    universe.load_new(
        positions.astype(np.float32), order="fac", dimensions=np.array([*np.diag(case.cell), 90.0, 90.0, 90.0])
    )
    return universe


def mdanalysis_msd(case: Case) -> Work:
    """Return the displacement at all lags."""
    from MDAnalysis.analysis.msd import EinsteinMSD

    universe = universe_of(case, case.positions)
    return lambda: {"A2": float(EinsteinMSD(universe, fft=True).run().results.timeseries[case.lag])}


def mdanalysis_rdf(case: Case) -> Work:
    """Return the radial distribution."""
    from MDAnalysis.analysis.rdf import InterRDF

    universe = universe_of(case, case.positions[rdf_frames(case)])

    def work() -> Answer:
        found = InterRDF(
            universe.atoms, universe.atoms, nbins=round(R_MAX_A / BIN_A), range=(0.0, R_MAX_A), exclusion_block=(1, 1)
        ).run()
        return {"g": shell_mean(found.results.bins, found.results.rdf)}

    return work


def freud_msd(case: Case) -> Work:
    """Return the displacement at all lags, in single precision."""
    import freud

    return lambda: {"A2": float(freud.msd.MSD(mode="window").compute(case.positions).msd[case.lag])}


def freud_counts(case: Case, pairs_of_frames: list[tuple[int, int]]) -> Work:
    """Return the density of carriers about where others were, from counts in exact shells."""
    import freud

    box = freud.box.Box(*np.diag(case.cell))

    def work() -> Answer:
        function = freud.density.RDF(bins=round(R_MAX_A / BIN_A), r_max=R_MAX_A)
        counts = np.zeros(round(R_MAX_A / BIN_A))
        for before, after in pairs_of_frames:
            function.compute(
                (box, box.wrap(case.positions[before])),
                query_points=box.wrap(case.positions[after]),
                neighbors={"mode": "ball", "r_max": R_MAX_A, "exclude_ii": True},
            )
            counts += function.bin_counts
        edges = function.bin_edges
        ideal = case.n_carriers**2 / box.volume * 4.0 / 3.0 * np.pi * np.diff(edges**3) * len(pairs_of_frames)
        return {"g": shell_mean(function.bin_centers, counts / ideal)}

    return work


def freud_rdf(case: Case) -> Work:
    """Return the radial distribution."""
    return freud_counts(case, [(frame, frame) for frame in rdf_frames(case)])


def freud_van_hove(case: Case) -> Work:
    """Return the distinct part at one lag; there is no self part."""
    return freud_counts(case, [(origin, origin + VAN_HOVE_LAG) for origin in van_hove_origins(case)])


def tidynamics_msd(case: Case) -> Work:
    """Return the displacement at all lags, carrier by carrier."""
    import tidynamics

    def work() -> Answer:
        total = sum(tidynamics.msd(case.positions[:, carrier]) for carrier in range(case.n_carriers))
        return {"A2": float(total[case.lag] / case.n_carriers)}

    return work


WHOLE = 20_000


def part(n_frames: int, prepare, repeats: int = 2) -> Job:
    """Return a job on the first frames of which the time of all is extrapolated in proportion."""
    return Job(prepare, n_frames=n_frames, share=n_frames / WHOLE, repeats=repeats, warm_frames=20)


JOBS = {
    "msd/pymatgen-analysis-diffusion": Job(pymatgen_msd),
    "msd/gemdat": Job(gemdat_msd),
    "msd/MDAnalysis": Job(mdanalysis_msd),
    "msd/freud": Job(freud_msd),
    "msd/tidynamics": Job(tidynamics_msd),
    "diffusivity/pymatgen-analysis-diffusion": Job(pymatgen_diffusivity),
    "diffusivity/gemdat": Job(gemdat_diffusivity),
    "diffusivity/kinisi": Job(kinisi_diffusivity, repeats=1),
    "van_hove/pymatgen-analysis-diffusion": Job(
        pymatgen_van_hove, n_frames=200, share=2 * PYMATGEN_ORIGINS / N_ORIGINS, repeats=2, warm_frames=60
    ),
    "van_hove/freud": Job(freud_van_hove),
    "rdf/pymatgen-analysis-diffusion": Job(pymatgen_rdf),
    "rdf/gemdat": Job(gemdat_rdf),
    "rdf/MDAnalysis": Job(mdanalysis_rdf),
    "rdf/freud": Job(freud_rdf),
    "sites/site-analysis": part(1000, site_analysis_sites),
    "sites/pymatgen-analysis-diffusion": part(1000, pymatgen_sites),
    "sites/gemdat": Job(gemdat_sites, repeats=1),
    "hops/site-analysis": part(1000, site_analysis_hops),
    "hops/gemdat": Job(gemdat_hops, repeats=1),
    "pairs/gemdat": Job(gemdat_pairs, repeats=1),
    "residence/site-analysis": part(1000, site_analysis_residence),
    "residence/gemdat": Job(gemdat_residence, repeats=1),
    "density/pymatgen-analysis-diffusion": part(200, pymatgen_density, repeats=1),
    "density/gemdat": Job(gemdat_density),
}

if __name__ == "__main__":
    main(JOBS)

"""Simulation-based calibration of starglow.infer (docs/infer.md).

Populations are drawn from their prior, surveys from the populations; each survey is answered. Reported for every
parameter of the population: share of 68 % intervals that hold the truth, and the Kolmogorov-Smirnov p of its ranks;
the same of the galaxies' own parameters under their prior; how many surveys fail the predictive check. With --ssp the
galaxies are made of other stars than those of the model. The last line of --json is one object:
{coverage68: {parameter: value}, rank_ks_p: {...}, ...}.
"""

import argparse
import json
import time
import warnings

import jax
import numpy as np
from scipy import stats

warnings.filterwarnings("ignore", category=FutureWarning)
import starglow as sg
import starglow.infer as sgi
from starglow.infer.population import hyper_to_population
from starglow.infer.survey import simulate

LINES = ("OII_DOUBLET", "HBETA", "OIII_5007", "HALPHA", "NII_6584")


def template(n, seed, lines=True, band_error=(0.01, 0.04)):
    """Errors of a survey: bands to 1-4 %, five lines to 0.4-1.5 A."""
    random = np.random.default_rng(seed)
    ivar = np.repeat(random.uniform(*band_error, (n, 1)) ** -2.0, 12, axis=1)
    if not lines:
        return sgi.Survey(np.ones((n, 12)), ivar)
    ew_ivar = np.zeros((n, len(sg.LINES)))
    ew_ivar[:, [sg.LINES.index(line) for line in LINES]] = random.uniform(0.4, 1.5, (n, 1)) ** -2.0
    return sgi.Survey(np.ones((n, 12)), ivar, ew=np.zeros(ew_ivar.shape), ew_ivar=ew_ivar)


def grid_of(path):
    import dsps

    return dsps.load_ssp_templates(fn=path)


def scores(ranks, inside):
    names = list(ranks[0])
    each = {name: np.array([r[name] for r in ranks]).ravel() for name in names}
    held = {name: np.array([r[name] for r in inside]).ravel() for name in names}
    return (
        {name: round(float(held[name].mean()), 4) for name in names},
        {name: round(float(stats.kstest(each[name], "uniform").pvalue), 5) for name in names},
    )


def rank_and_cover(samples, truth):
    """Share of the samples below the truth, and whether it lies between their 16th and 84th percentile."""
    low, high = np.percentile(samples, [16, 84], axis=0)
    return (samples < truth).mean(0), (low <= truth) & (truth <= high)


def calibrate(args):
    stars = sgi.Stars()
    maker = stars if args.ssp is None else sgi.Stars(grid_of(args.ssp))
    like = template(256, 0, lines=not args.no_lines)
    begun = time.perf_counter()
    start = sgi.amortise(stars, like, galaxies=args.mocks, steps=args.steps, seed=1)
    trained = time.perf_counter() - begun
    make = jax.jit(simulate, static_argnums=0)
    ranks, inside, own_ranks, own_inside, failed, took = [], [], [], [], 0, []
    for k in range(args.surveys):
        random = np.random.default_rng(1000 + k + args.seed)
        mean, scatter = (np.asarray(a) for a in hyper_to_population(random.standard_normal(8), *stars.prior))
        theta = mean + scatter * random.standard_normal((args.galaxies, 4))
        begun = time.perf_counter()
        survey = make(maker, theta, like, jax.random.key(5000 + k + args.seed))
        posterior = sgi.galaxies(start, survey, draws=args.draws, seed=k + 1)
        population = sgi.population(posterior, draws=args.samples, chains=1, seed=k + 1).posterior
        took.append(time.perf_counter() - begun)
        failed += 1 - posterior.attrs["check_passed"]
        found = {}
        for name, truth in (("mean", mean), ("scatter", scatter)):
            for parameter, samples, value in zip(sgi.PARAMETERS, population[name].values[0].T, truth):
                found[f"{name} {parameter}"] = rank_and_cover(samples, value)
        ranks.append({name: r for name, (r, _) in found.items()})
        inside.append({name: c for name, (_, c) in found.items()})
        # One galaxy a survey under the galaxies' own prior: ranks of one population are not independent.
        one = np.asarray(stars.prior.mean) + np.asarray(stars.prior.sd) * random.standard_normal((args.galaxies, 4))
        alone = sgi.galaxies(
            start, make(maker, one, like, jax.random.key(9000 + k + args.seed)), draws=args.draws, seed=k
        )
        found = {
            name: rank_and_cover(alone.posterior[name].values[0], one[:, j]) for j, name in enumerate(sgi.PARAMETERS)
        }
        own_ranks.append({name: r for name, (r, _) in found.items()})
        own_inside.append({name: c for name, (_, c) in found.items()})
        print(f"survey {k + 1} of {args.surveys}: {took[-1]:.1f} s, check {posterior.attrs['check']}", flush=True)
    coverage, p = scores(ranks, inside)
    own_coverage, own_p = scores(own_ranks, own_inside)
    return {
        "surveys": args.surveys,
        "galaxies": args.galaxies,
        "coverage68": coverage,
        "rank_ks_p": p,
        "galaxy_coverage68": own_coverage,
        "galaxy_rank_ks_p": own_p,
        "check_failed": failed,
        "seconds": {"amortise": round(trained, 1), "survey": round(float(np.median(took)), 2)},
    }


def information(args):
    """Widths of log sSFR and log Av by bands alone, and with lines; galaxies of the prior."""
    stars = sgi.Stars()
    n = args.galaxies
    random = np.random.default_rng(args.seed)
    theta = np.asarray(stars.prior.mean) + np.asarray(stars.prior.sd) * random.standard_normal((n, 4))
    out = {}
    for name, lines in (("bands", False), ("bands and lines", True)):
        like = template(256, 0, lines=lines)
        start = sgi.amortise(stars, like, galaxies=args.mocks, steps=args.steps, seed=1)
        survey = simulate(stars, theta, like, jax.random.key(args.seed))
        p = sgi.galaxies(start, survey, draws=args.draws, seed=1).posterior
        out[name] = {k: round(float(np.median(p[k].values[0].std(0))), 4) for k in ("lg_ssfr", "lg_av", "lg_met")}
    return {"median_width": out, "galaxies": n}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surveys", type=int, default=20)
    parser.add_argument("--galaxies", type=int, default=100)
    parser.add_argument("--ssp", help="stars that the galaxies are made of, HDF5 in the layout of DSPS")
    parser.add_argument("--no-lines", action="store_true", help="bands alone")
    parser.add_argument("--information", action="store_true", help="what lines add to bands, in place of calibration")
    parser.add_argument("--mocks", type=int, default=20000, help="galaxies that the network learns from")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--draws", type=int, default=128, help="proposals a galaxy")
    parser.add_argument("--samples", type=int, default=300, help="of a population")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = information(given) if given.information else calibrate(given)
    print(json.dumps(result, indent=None if given.json else 1))

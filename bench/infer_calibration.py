"""Simulation-based calibration of starglow.infer (docs/infer.md).

Populations are drawn from their prior, surveys from the populations; each survey is answered. Reported for every
parameter of the population: share of 68 % intervals that hold the truth, and the Kolmogorov-Smirnov p of its ranks;
the same of the galaxies' own parameters under their prior; how many surveys fail the predictive check. --minutes ends
early and reports the surveys done. --check makes the predictive check alone; with --ssp the galaxies are made of other
stars than those of the model. --information compares widths with bands alone, and with lines. --one compares galaxies
with their own NUTS. --many times the population of so many galaxies. The last line of --json is one object:
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
    rank = (samples < truth).mean(0)
    return rank, (rank >= 0.16) & (rank <= 0.84)


def of_galaxies(posterior, theta):
    """The same of every galaxy's parameters, by the weights of its proposals."""
    kept = posterior.proposals
    log_w = kept["log_weight"].values.astype(float)
    w = np.exp(log_w - log_w.max(0))
    rank = ((kept["theta"].values < theta) * (w / w.sum(0))[..., None]).sum(0)
    return rank, (rank >= 0.16) & (rank <= 0.84)


make = jax.jit(simulate, static_argnums=0)


def prepared(args, lines=True):
    stars = sgi.Stars()
    like = template(256, 0, lines=lines)
    begun = time.perf_counter()
    start = sgi.amortise(stars, like, galaxies=args.mocks, steps=args.steps, seed=1)
    print(f"amortised in {time.perf_counter() - begun:.1f} s", flush=True)
    return stars, like, start, time.perf_counter() - begun


def a_population(args, k, stars):
    """Mean and scatter drawn from their prior, and galaxies drawn from these."""
    random = np.random.default_rng(1000 + k + args.seed)
    mean, scatter = (np.asarray(a) for a in hyper_to_population(random.standard_normal(8), *stars.prior))
    return mean, scatter, mean + scatter * random.standard_normal((args.galaxies, 4)), random


def of_prior(stars, n, random):
    return np.asarray(stars.prior.mean) + np.asarray(stars.prior.sd) * random.standard_normal((n, 4))


def calibrate(args):
    stars, like, start, trained = prepared(args, not args.no_lines)
    maker = stars if args.ssp is None else sgi.Stars(grid_of(args.ssp))
    ranks, inside, own_ranks, own_inside, failed, took, kept = [], [], [], [], 0, [], []
    began = time.perf_counter()
    for k in range(args.surveys):
        mean, scatter, theta, random = a_population(args, k, stars)
        begun = time.perf_counter()
        survey = make(maker, theta, like, jax.random.key(5000 + k + args.seed))
        posterior = sgi.galaxies(start, survey, draws=args.draws, seed=k + 1)
        failed += 1 - posterior.attrs["check_passed"]
        if not args.check:
            found = sgi.population(posterior, draws=args.samples, chains=1, seed=k + 1)
            kept.append(found.attrs["median_ess"])
            pairs = {}
            for name, truth in (("mean", mean), ("scatter", scatter)):
                for parameter, samples, value in zip(sgi.PARAMETERS, found.posterior[name].values[0].T, truth):
                    pairs[f"{name} {parameter}"] = rank_and_cover(samples, value)
            ranks.append({name: r for name, (r, _) in pairs.items()})
            inside.append({name: c for name, (_, c) in pairs.items()})
            took.append(time.perf_counter() - begun)
            # Galaxies of the prior, under it.
            one = of_prior(stars, args.galaxies, random)
            seen = make(maker, one, like, jax.random.key(9000 + k + args.seed))
            rank, held = of_galaxies(sgi.galaxies(start, seen, draws=args.draws, seed=k), one)
            own_ranks.append(dict(zip(sgi.PARAMETERS, rank.T)))
            own_inside.append(dict(zip(sgi.PARAMETERS, held.T)))
        else:
            took.append(time.perf_counter() - begun)
        print(f"survey {k + 1} of {args.surveys}: {took[-1]:.1f} s, check {posterior.attrs['check']}", flush=True)
        if time.perf_counter() - began > 60 * args.minutes:
            break
    out = {"surveys": len(took), "galaxies": args.galaxies, "check_failed": failed}
    if not args.check:
        coverage, p = scores(ranks, inside)
        own_coverage, own_p = scores(own_ranks, own_inside)
        out |= {
            "coverage68": coverage,
            "rank_ks_p": p,
            "galaxy_coverage68": own_coverage,
            "galaxy_rank_ks_p": own_p,
            "population_median_ess": round(float(np.median(kept)), 1),
        }
    return out | {"seconds": {"amortise": round(trained, 1), "survey": round(float(np.median(took)), 2)}}


def information(args):
    """Widths of log sSFR, log Av and log Z by bands alone, and with lines; galaxies of the prior."""
    n = args.galaxies
    out, widths = {}, {}
    for name, lines in (("bands", False), ("bands and lines", True)):
        stars, like, start, _ = prepared(args, lines)
        theta = of_prior(stars, n, np.random.default_rng(args.seed))
        survey = make(stars, theta, like, jax.random.key(args.seed))
        p = sgi.galaxies(start, survey, draws=args.draws, seed=1).posterior
        widths[name] = {k: p[k].values[0].std(0) for k in ("lg_ssfr", "lg_av", "lg_met")}
        out[name] = {k: round(float(np.median(w)), 4) for k, w in widths[name].items()}
    if args.figure:
        draw_information(widths, args.figure)
    return {"median_width": out, "galaxies": n}


def draw_information(widths, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = {"lg_ssfr": "log sSFR", "lg_av": "log Av", "lg_met": "log Z"}
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
    for panel, (key, label) in zip(panels, names.items()):
        alone, both = widths["bands"][key], widths["bands and lines"][key]
        most = 1.05 * max(np.percentile(alone, 99.5), np.percentile(both, 99.5))
        panel.plot(alone, both, ".", ms=3, alpha=0.5)
        panel.plot([0, most], [0, most], "k-", lw=0.8)
        panel.set(xlim=(0, most), ylim=(0, most), xlabel="width with bands (dex)", title=label)
    panels[0].set_ylabel("width with bands and lines (dex)")
    figure.savefig(path, dpi=130)


def one_galaxy(args):
    """The network's answer for single galaxies against NUTS; and what each costs."""
    stars, like, start, _ = prepared(args)
    n = args.galaxies
    theta = of_prior(stars, n, np.random.default_rng(args.seed))
    survey = make(stars, theta, like, jax.random.key(args.seed))
    p = sgi.galaxies(start, survey, draws=args.draws, seed=1)
    begun = time.perf_counter()
    sgi.galaxies(start, survey, draws=args.draws, seed=2)
    amortised = (time.perf_counter() - begun) / n
    off, took = [], []
    for row in range(args.nuts):
        begun = time.perf_counter()
        chain = sgi.nuts(stars, survey, row, draws=1500, chains=4, seed=row).posterior
        took.append(time.perf_counter() - begun)
        log_w = p.proposals["log_weight"].values[:, row].astype(float)
        w = np.exp(log_w - log_w.max())
        mean = (w / w.sum()) @ p.proposals["theta"].values[:, row]
        alone = np.stack([chain[k].values.ravel() for k in sgi.PARAMETERS])
        off.append((mean - alone.mean(1)) / alone.std(1))
        print(f"galaxy {row}: {np.round(off[-1], 3)}, NUTS {took[-1]:.1f} s", flush=True)
    off = np.abs(off)
    return {
        "galaxies": args.nuts,
        "off_in_sigma": {"median": round(float(np.median(off)), 4), "95%": round(float(np.quantile(off, 0.95)), 4)},
        "seconds": {"amortised": round(amortised, 5), "nuts_first": round(took[0], 1), "nuts": round(min(took), 2)},
        "median_ess": round(float(np.median(p.galaxy_stats.ess)), 1),
    }


def many(args):
    """Seconds of a survey of so many galaxies, and its population."""
    stars, like, start, _ = prepared(args)
    args.galaxies = args.many
    mean, scatter, theta, _ = a_population(args, 0, stars)
    survey = make(stars, theta, like, jax.random.key(5))
    begun = time.perf_counter()
    posterior = sgi.galaxies(start, survey, draws=args.draws)
    middle = time.perf_counter()
    print(f"galaxies in {middle - begun:.1f} s", flush=True)
    found = sgi.population(posterior, draws=args.samples, chains=1)
    end = time.perf_counter()
    p = found.posterior
    off = {}
    for name, truth in (("mean", mean), ("scatter", scatter)):
        samples = p[name].values.reshape(-1, 4)
        off[name] = np.round((samples.mean(0) - truth) / samples.std(0), 2).tolist()
    return {
        "galaxies": args.many,
        "seconds": {"galaxies": round(middle - begun, 1), "population": round(end - middle, 1)},
        "off_in_sigma": off,
        "median_ess": round(found.attrs["median_ess"], 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surveys", type=int, default=20)
    parser.add_argument("--galaxies", type=int, default=100)
    parser.add_argument("--ssp", help="stars that the galaxies are made of, HDF5 in the layout of DSPS")
    parser.add_argument("--no-lines", action="store_true", help="bands alone")
    parser.add_argument("--information", action="store_true", help="what lines add to bands, in place of calibration")
    parser.add_argument("--figure", help="where --information draws its figure")
    parser.add_argument("--check", action="store_true", help="the predictive check alone")
    parser.add_argument("--one", action="store_true", help="galaxies against their own NUTS")
    parser.add_argument("--nuts", type=int, default=10, help="galaxies that --one looks at")
    parser.add_argument("--many", type=int, default=0, help="time the population of so many galaxies")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after the survey that passes these")
    parser.add_argument("--mocks", type=int, default=20000, help="galaxies that the network learns from")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--draws", type=int, default=512, help="proposals a galaxy")
    parser.add_argument("--samples", type=int, default=300, help="of a population")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    chosen = {information: given.information, one_galaxy: given.one, many: given.many > 0}
    result = next((call for call, asked in chosen.items() if asked), calibrate)(given)
    print(json.dumps(result, indent=None if given.json else 1))

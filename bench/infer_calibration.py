"""Simulation-based calibration of starglow.infer (docs/infer.md).

Populations are drawn from their prior, surveys from the populations; each survey is answered. Reported for every
parameter of the population: share of 68 % intervals that hold the truth, and the Kolmogorov-Smirnov p of its ranks;
the same of the galaxies' own parameters under their prior (of the first --own surveys); how many surveys fail the
predictive check. --minutes ends early and reports the surveys done; with --keep FILE the next call goes on there.
--check makes the predictive check alone; with --ssp the galaxies are made of other stars than those of the model.
--information compares widths with bands alone, and with lines. --one compares galaxies with their own NUTS. --many
times the population of so many galaxies. The last line of --json is one object: {coverage68: {parameter: value},
rank_ks_p: {...}, ...}.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

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


def scores(found):
    """Of surveys' {parameter: [rank, held]}: share held, and Kolmogorov-Smirnov p of the ranks."""
    ranks = {name: np.ravel([one[name][0] for one in found]) for name in found[0]}
    held = {name: np.ravel([one[name][1] for one in found]) for name in found[0]}
    return (
        {name: round(float(held[name].mean()), 4) for name in ranks},
        {name: round(float(stats.kstest(ranks[name], "uniform").pvalue), 5) for name in ranks},
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
    kept = args.start if args.start is None or lines else args.start.with_name(args.start.stem + "_bands.npz")
    if kept is not None and kept.exists():
        return stars, like, sgi.Start.load(kept, stars), None
    begun = time.perf_counter()
    start = sgi.amortise(stars, like, galaxies=args.mocks, steps=args.steps, seed=1)
    trained = time.perf_counter() - begun
    print(f"amortised in {trained:.1f} s, loss {start.loss[-1]:.3f}", flush=True)
    if kept is not None:
        start.save(kept)
    return stars, like, start, trained


def a_population(args, k, stars):
    """Mean and scatter drawn from their prior, and galaxies drawn from these."""
    random = np.random.default_rng(1000 + k + args.seed)
    mean, scatter = (np.asarray(a) for a in hyper_to_population(random.standard_normal(8), *stars.prior))
    return mean, scatter, mean + scatter * random.standard_normal((args.galaxies, 4)), random


def of_prior(stars, n, random):
    return np.asarray(stars.prior.mean) + np.asarray(stars.prior.sd) * random.standard_normal((n, 4))


def population_of(args, start, survey, posterior, seed):
    """Two rounds: the first says where to draw."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="the galaxies' draws are few")
        rough = sgi.population(posterior, draws=40, tune=60, chains=1, seed=seed)
    again = sgi.galaxies(start, survey, draws=args.draws, seed=seed, population=rough)
    return sgi.population(again, draws=args.samples, tune=args.tune, chains=1, seed=seed)


def one_survey(args, k, stars, maker, like, start):
    """Of one survey: {check, population: {parameter: [rank, held]}, galaxies: the same, ess, seconds}."""
    mean, scatter, theta, random = a_population(args, k, stars)
    begun = time.perf_counter()
    survey = make(maker, theta, like, jax.random.key(5000 + k + args.seed))
    posterior = sgi.galaxies(start, survey, draws=args.draws, seed=k + 1)
    out = {"k": k, "passed": posterior.attrs["check_passed"], "check": posterior.attrs["check"]}
    if not args.check:
        found = population_of(args, start, survey, posterior, k + 1)
        out["passed"], out["check"] = found.attrs["check_passed"], found.attrs["check"]  # of the second round
        out["ess"], out["draw_error"] = found.attrs["median_ess"], found.attrs["draw_error"]
        out["population"] = {
            f"{name} {parameter}": [float(a) for a in rank_and_cover(samples, value)]
            for name, truth in (("mean", mean), ("scatter", scatter))
            for parameter, samples, value in zip(sgi.PARAMETERS, found.posterior[name].values[0].T, truth)
        }
    out["seconds"] = round(time.perf_counter() - begun, 2)
    if not args.check and k < args.own:  # galaxies of the prior, under it
        one = of_prior(stars, args.galaxies, random)
        seen = make(maker, one, like, jax.random.key(9000 + k + args.seed))
        rank, held = of_galaxies(sgi.galaxies(start, seen, draws=args.draws, seed=k), one)
        out["galaxies"] = {
            name: [r.tolist(), h.astype(int).tolist()] for name, r, h in zip(sgi.PARAMETERS, rank.T, held.T)
        }
    return out


SETTINGS = ("galaxies", "ssp", "no_lines", "check", "mocks", "steps", "draws", "samples", "tune", "seed", "own")


def kept_surveys(args):
    """Surveys of an earlier run with the same settings, from the file --keep."""
    settings = {name: getattr(args, name) for name in SETTINGS} | {"version": sg.__version__}
    if args.keep is None:
        return []
    if not args.keep.exists():
        args.keep.write_text(json.dumps(settings) + "\n")
    first, *lines = args.keep.read_text().splitlines()
    if json.loads(first) != settings:
        raise SystemExit(f"'{args.keep}' is of other settings: {first}\nRemove it to begin anew.")
    return [json.loads(line) for line in lines]


def calibrate(args):
    done = kept_surveys(args)
    trained = None
    if len(done) < args.surveys:
        stars, like, start, trained = prepared(args, not args.no_lines)
        maker = stars if args.ssp is None else sgi.Stars(grid_of(args.ssp))
        began = time.perf_counter()
        for k in range(len(done), args.surveys):
            done.append(one_survey(args, k, stars, maker, like, start))
            print(f"survey {k + 1} of {args.surveys}: {done[-1]['seconds']} s, {done[-1]['check']}", flush=True)
            if args.keep is not None:
                with args.keep.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
            if time.perf_counter() - began > 60 * args.minutes:
                break
    done = done[: args.surveys]
    out = {"surveys": len(done), "galaxies": args.galaxies, "check_failed": sum(1 - one["passed"] for one in done)}
    if not args.check:
        out["coverage68"], out["rank_ks_p"] = scores([one["population"] for one in done])
        own = [one["galaxies"] for one in done if "galaxies" in one]
        if own:
            out["galaxy_coverage68"], out["galaxy_rank_ks_p"] = scores(own)
        out["population_median_ess"] = round(float(np.median([one["ess"] for one in done])), 1)
        out["draw_error"] = round(float(np.median([one["draw_error"] for one in done])), 3)
    seconds = {"survey": float(np.median([one["seconds"] for one in done]))}
    if trained is not None:
        seconds["amortise"] = round(trained, 1)
    return out | {"seconds": seconds}


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
    found = population_of(args, start, survey, posterior, 1)
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
        "draw_error": round(found.attrs["draw_error"], 3),
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
    parser.add_argument("--own", type=int, default=20, help="surveys of which single galaxies are looked at too")
    parser.add_argument("--keep", type=Path, help="file that keeps the surveys done; a later call goes on there")
    parser.add_argument("--start", type=Path, help="file that keeps the network; trained if it is not there")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after the survey that passes these")
    parser.add_argument("--mocks", type=int, default=20000, help="galaxies that the network learns from")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--draws", type=int, default=512, help="proposals a galaxy")
    parser.add_argument("--samples", type=int, default=300, help="of a population")
    parser.add_argument("--tune", type=int, default=150, help="steps of NUTS that set its step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    chosen = {information: given.information, one_galaxy: given.one, many: given.many > 0}
    result = next((call for call, asked in chosen.items() if asked), calibrate)(given)
    print(json.dumps(result, indent=None if given.json else 1))

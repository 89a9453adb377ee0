"""How much a known line tells of the others: CRPS and coverage of each line without and given others, cross-validated.

    python bench/given_lines.py table.fits [--folds 5] [--preset joint] [--models FOLDER] [--fold K] [--threads N]
        [--model FILE] [--draws 128] [--rows N] [--json] [key=value ...]

Each fold (splitmix64 of TARGETID) is predicted by a model trained on the others; --models keeps these models and uses
those that are there (a training that was stopped goes on), --fold K trains that one alone and ends. key=value are
settings of the training. --model judges one model instead (on galaxies that it was trained on, that is no test). CRPS
of asinh(EW / A), draws with the row's own noise, given EW > 0, as `starglow evaluate`. Beside it a control fitted for
the task: ridge regression of the residuals about the medians on those of the given lines, out of fold, draws moved by
it and narrowed to what it leaves.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from folds import folds_of

import starglow as sg

INDEPENDENT = [0, 1, 2, 4, 6, 7, 8, 9]
TASKS = (("HALPHA",), ("OII_DOUBLET", "HBETA"), ("HBETA", "OIII_5007"), ("HALPHA", "HBETA"))


def score(y, t):
    """CRPS of each row (unbiased, NaN draws left out), and whether y is in the central 68 %."""
    t = np.sort(t, axis=1)
    n = np.isfinite(t).sum(1)
    first = np.nanmean(np.abs(t - y[:, None]), axis=1)
    rank = np.arange(t.shape[1])[None, :]
    pairs = np.nansum((2 * rank - n[:, None] + 1) * t, axis=1) / (n * (n - 1))
    with np.errstate(invalid="ignore"):
        low, high = np.nanpercentile(t, [15.865525, 84.134475], axis=1)
    return first - pairs, (y > low) & (y < high)


class Judge:
    """Measured lines of a table, and noisy draws of a model held against them."""

    def __init__(self, table, draws, seed=1):
        self.table, self.draws = table, draws
        self.ew, ivar = np.asarray(table.ew, float), np.asarray(table.ew_ivar, float)
        self.there = (ivar > 0) & np.isfinite(ivar) & (self.ew > 0)
        self.sigma = 1 / np.sqrt(np.where(self.there, ivar, 1))
        self.noise = np.random.default_rng(seed).normal(size=(len(table), 10, draws))

    def noisy(self, draws):
        """asinh of draws with noise; what is not positive was not in the table."""
        out = draws + self.sigma[:, :, None] * self.noise
        return np.arcsinh(np.where(out > 0, out, np.nan))

    def scores(self, noisy, lines):
        out = {}
        for line in lines:
            rows = self.there[:, line] & (np.isfinite(noisy[:, line]).sum(1) > 8)
            crps, inside = score(np.arcsinh(self.ew[rows, line]), noisy[rows, line])
            out[sg.LINES[line]] = (float(crps.mean()), float(inside.mean()))
        return out


def control(judge, noisy, given, folds):
    """Draws moved by a ridge regression of residuals on those of the given lines, and narrowed."""
    middle = np.nanmedian(noisy, axis=2)
    observed = np.arcsinh(np.where(judge.there, judge.ew, np.nan)) - middle
    x = np.nan_to_num(observed[:, given])
    x = np.column_stack([np.ones(len(x)), x, x**2])
    out = noisy.copy()
    for line in INDEPENDENT:
        if line in given:
            continue
        fits = np.isfinite(observed[:, line])
        for fold in np.unique(folds):
            inside, outside = fits & (folds != fold), folds == fold
            a = x[inside]
            c = np.linalg.solve(a.T @ a + np.eye(a.shape[1]), a.T @ observed[inside, line])
            left = np.std(observed[inside, line] - a @ c) / np.std(observed[inside, line])
            moved = middle[outside, line, None] + left * (noisy[outside, line] - middle[outside, line, None])
            out[outside, line] = moved + (x[outside] @ c)[:, None]
    return out


def trained(table, fold, options):
    path = Path(options.models or "") / f"fold-{fold}-of-{options.folds}.safetensors"
    if options.models and path.exists():
        return sg.Model.load(path)
    settings = dict(text.split("=", 1) for text in options.settings)
    if not options.models:
        return sg.train(table, preset=options.preset, threads=options.threads, **settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = path.with_suffix(".checkpoint")
    model = sg.train(table, preset=options.preset, threads=options.threads, checkpoint=state, resume=True, **settings)
    model.save(path)
    return model


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("table")
    parse.add_argument("--folds", type=int, default=5)
    parse.add_argument("--preset", default="joint")
    parse.add_argument("--models")
    parse.add_argument("--fold", type=int)
    parse.add_argument("--threads", type=int, default=0)
    parse.add_argument("--model")
    parse.add_argument("--draws", type=int, default=128)
    parse.add_argument("--rows", type=int)
    parse.add_argument("--json", action="store_true")
    parse.add_argument("settings", nargs="*", help="key=value: settings of the training")
    options = parse.parse_intermixed_args()
    table = sg.read_table(options.table)
    if options.rows:
        table = table[: options.rows]
    judge = Judge(table, options.draws)
    folds = folds_of(np.asarray(table.targetid), options.folds)
    if options.fold is not None:
        trained(table[folds != options.fold], options.fold, options)
        return
    draws = {task: np.full((len(table), 10, options.draws), np.nan) for task in ((), *TASKS)}
    for fold in range(options.folds) if not options.model else [None]:
        out = np.ones(len(table), bool) if fold is None else folds == fold
        if options.model:
            model = sg.Model.shipped() if options.model == "shipped" else sg.Model.load(options.model)
        else:
            model = trained(table[~out], fold, options)
        for task, into in draws.items():
            p = model.predict(table[out], draws=options.draws, given=list(task) if task else None)
            into[out] = p.draws
    plain = judge.noisy(draws[()])
    result = {}
    for task in TASKS:
        given = [sg.LINES.index(name) for name in task]
        others = [line for line in INDEPENDENT if line not in given]
        before, after = judge.scores(plain, others), judge.scores(judge.noisy(draws[task]), others)
        rival = judge.scores(control(judge, plain, given, folds), others)
        mean = [np.mean([s[name][0] for name in before]) for s in (before, after, rival)]
        result["+".join(task)] = {
            "crps": mean[0],
            "change": mean[1] / mean[0] - 1,
            "control": mean[2] / mean[0] - 1,
            "lines": {n: {"change": after[n][0] / before[n][0] - 1, "coverage68": after[n][1]} for n in before},
        }
    if options.json:
        print(json.dumps(result))
        return
    for task, r in result.items():
        print(
            f"given {task}: mean CRPS {r['crps']:.4f}, {100 * r['change']:+.1f} %; control {100 * r['control']:+.1f} %"
        )
        for name, line in r["lines"].items():
            print(f"  {name:<12} {100 * line['change']:+6.1f} %   68 % coverage {line['coverage68']:.3f}")


if __name__ == "__main__":
    main()

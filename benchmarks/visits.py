"""Two visits of a star at S/N 7: each alone, the sum of what they say, and co-added pixels, against
one spectrum at S/N 10.

    python benchmarks/visits.py together --data DIR --work DIR --seed 1
    python benchmarks/visits.py together --preset P --data DIR
    python benchmarks/visits.py memory --preset P --rows 1000000

``together`` observes library O stars and their look-alikes in simulation (A_V, rotation and nebula
are the star's; velocity, calibration, lost pixels and noise the visit's). Co-adding is given the
true velocities. With ``--work``, the folder in which `lamost-rare evaluate seeds` trained, each
star is judged by the network and the odds of the folds that it is not in. Without it the network
of a preset judges, which has seen these stars: then the figures tell how the ways compare, and
nothing of how good the network is. ``memory`` makes a catalogue and has its stars found. The
preset needs odds of a survey.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

REPEATS = {"O": 12, "B": 4, "hot_subdwarf": 20, "white_dwarf": 8}
"""Observations of each library spectrum."""
SNR = 7.0
LEAST_COVER = 0.3
LEAST = 1e-9
"""Probability below which a logarithm is that of this one."""


class Judge:
    """A network with its rule, and the rows of stars that it judges."""

    def __init__(self, predict, rule, rows):
        self.predict, self.rule, self.rows = predict, rule, rows

    @classmethod
    def of_preset(cls, preset, rows):
        """Judge by a preset."""
        from lamost_rare.inference.calibration import line_evidence
        from lamost_rare.inference.decision import CandidateRule
        from lamost_rare.inference.predictor import Predictor

        predictor, rule = Predictor(preset, 64), CandidateRule.of(preset.settings)

        def predict(batch):
            logits = predictor.logits(batch)
            return logits, line_evidence(batch, logits, rule.rare, preset.settings.evidence)

        return cls(predict, rule, rows)

    @classmethod
    def of_folds(cls, recipe, stars, data, work, seed):
        """Judge the stars of each fold by what was trained and fitted without them."""
        from lamost_rare.training.build import cross_validate, fold_folder
        from lamost_rare.training.crossvalidation import (
            first_stage_of_fold,
            network_predictor,
            train_fold,
        )

        trials = cross_validate(recipe, data, work, seed=seed, final=False)
        _, _, rules = recipe.decide(trials, stars)
        for fold, rule in zip(trials, rules, strict=True):
            folder = fold_folder(work, recipe, fold, seed)
            model, _, held_out, _ = train_fold(recipe, stars, fold, recipe.n_folds, folder, seed)
            first, _ = first_stage_of_fold(recipe, stars, fold, folder, seed=seed)
            network = network_predictor(model, recipe, 64, first)
            yield cls(lambda batch, network=network: network(batch)[::2], rule, held_out)

    def __call__(self, batch):
        """Classify observations."""
        return Classified(batch, *self.predict(batch), self.rule)


class Classified:
    """What the classifier says of observations; arrays of shape (n,)."""

    def __init__(self, batch, logits, evidence, rule):
        from lamost_rare.inference.odds import LEAST, lost_fraction
        from lamost_rare.spectra.snr import usable_snr

        odds = rule.odds
        p = rule.probabilities(logits, evidence)
        self.snr = np.nan_to_num(usable_snr(batch.flux, batch.ivar, batch.mask, batch.grid))
        self.lost = lost_fraction(batch)
        self.score = odds.score(p, self.snr, evidence)
        found = odds.probability(self.score, self.snr, self.lost)
        self.survey = np.where(p[:, rule.rare] >= LEAST, found, 0)


def coadd(visits, velocities):
    """Mean of spectra weighted by inverse variance, shifted by whole pixels to the first's velocity
    and brought to its level."""
    from lamost_rare.simulation.simulate import KM_S_PER_PIXEL
    from lamost_rare.spectra.batch import SpectrumBatch
    from lamost_rare.spectra.normalize import pseudo_continuum

    total = weight = 0
    for batch, velocity in zip(visits, velocities, strict=True):
        level = pseudo_continuum(batch.flux, batch.mask, block=64, smooth=1.0)[0]
        if batch is visits[0]:
            wanted = level
        usable = (level > 0) & (wanted > 0)
        factor = np.where(usable, np.clip(wanted / np.where(usable, level, 1), 0.02, 50), 1)
        pixels = np.rint((velocities[0] - velocity) / KM_S_PER_PIXEL).astype(int)
        index = np.arange(level.shape[1])[None, :] - pixels[:, None]
        inside = (index >= 0) & (index < level.shape[1])
        index = np.clip(index, 0, level.shape[1] - 1)
        ivar = np.take_along_axis(np.where(batch.mask, 0, batch.ivar / factor**2), index, 1)
        ivar *= inside
        total = total + ivar * np.take_along_axis(batch.flux * factor, index, 1)
        weight = weight + ivar
    mask = weight <= 0
    flux = np.where(mask, 0, total / np.where(mask, 1, weight)).astype(np.float32)
    return SpectrumBatch(visits[0].grid, flux, weight.astype(np.float32), mask)


def observe(stars, rows, rng, noise):
    """Two visits and one spectrum of twice the exposure of each row, with their velocities."""
    from lamost_rare.simulation.simulate import simulate
    from lamost_rare.simulation.simulate_stars import draw_conditions

    some = stars[rows]
    own = draw_conditions(some.label, some.real, rng, (SNR, SNR * 1.0001))
    for snr in (SNR, SNR, SNR * 2**0.5):
        visit = draw_conditions(some.label, some.real, rng, (snr, snr * 1.0001))
        of_visit = {k: getattr(visit, k) for k in ("snr", "radial_velocity", "calibration")}
        conditions = replace(own, **of_visit)
        yield simulate(some.flux, some.valid, conditions, noise, rng), visit.radial_velocity


def measure(judges, stars, seed=5):
    """Label and type of each star, what is said of it by each way, and the scores of its visits."""
    from lamost_rare.inference.visits import judge_together
    from lamost_rare.simulation.simulate_stars import noise_of

    noise, rng = noise_of(stars), np.random.default_rng(seed)
    tried = ~stars.real & ~stars.synthetic & (stars.valid.mean(axis=1) > LEAST_COVER)
    said: dict[str, list] = {}
    pairs, judged = [], []
    for judge in judges:
        here = np.zeros(len(stars), dtype=bool)
        here[judge.rows] = tried[judge.rows]
        of = [np.repeat(np.flatnonzero(here & (stars.label == c)), k) for c, k in REPEATS.items()]
        rows, odds = np.concatenate(of), judge.rule.odds
        for start in range(0, len(rows), 512):
            some = rows[start : start + 512]
            (a, b, twice), velocities = zip(*observe(stars, some, rng, noise), strict=True)
            added = coadd([a, b], velocities[:2])
            first, second = (judge(x) for x in (a, b))
            both = [np.concatenate([getattr(x, k) for x in (first, second)])
                    for k in ("score", "snr", "lost")]  # fmt: skip
            together = judge_together(odds, *both, np.tile(np.arange(len(some)), 2))
            ways = {
                "one visit at S/N 7": first.survey,
                "the better of two": np.maximum(first.survey, second.survey),
                "two as if independent": independent(odds, first, second),
                "two together (columns)": together.probability,
                "two co-added (pixels)": judge(added).survey,
                "one spectrum at S/N 10": judge(twice).survey,
            }
            for name, values in ways.items():
                said.setdefault(name, []).append(values)
            pairs.append((first.score, second.score))
            judged.append(some)
    rows = np.concatenate(judged)
    return (
        *(np.asarray(x[rows], dtype=str) for x in (stars.label, stars.mk_type)),
        {name: np.concatenate(values) for name, values in said.items()},
        np.concatenate(pairs, axis=1),
    )


def independent(odds, first, second):
    """Probability if the densities are multiplied."""
    from scipy.special import softmax

    joint = sum(odds.log_densities(x.score, x.snr, x.lost) for x in (first, second))
    return softmax(joint + odds.log_prevalence, axis=1)[:, odds.own].sum(axis=1)


def report(preset, data, work=None, seed=1) -> None:
    """Print a table."""
    from lamost_rare.simulation.dataset import load_data_folder
    from lamost_rare.training.recipes import RECIPES
    from lamost_rare.validation.trials import subtype_group

    settings = preset.settings
    stars = load_data_folder(data)
    judges = [Judge.of_preset(preset, np.arange(len(stars)))]
    if work is not None:
        judges = Judge.of_folds(RECIPES[preset.name], stars, data, work, seed)
    label, mk_type, said, pairs = measure(judges, stars)
    rare = label == settings.rare_class
    group = np.array([subtype_group(*x, settings.rare_class)
                      for x in zip(label, mk_type, strict=True)])  # fmt: skip
    share = {"B0-B0.5": 5e-5, "B1+": 3e-3, "hot_subdwarf": 2.1e-4, "white_dwarf": 6e-4}
    own = 1.5e-5
    print(f"{rare.sum()} observations of O stars, {(~rare).sum()} of look-alikes\n")
    print("| way | O found at 0.5 | false in a million | O found at a purity of 0.8 | sum of p: "
          "of O, of others | log score |\n|---|---|---|---|---|---|")  # fmt: skip
    for name, p in said.items():

        def false(values):
            return sum(s * values[group == g].mean() for g, s in share.items())

        best = 0.0
        for cut in np.unique(p[~rare]):
            found = (p[rare] > cut).mean()
            if found and own * found >= 0.8 * (own * found + false(p > cut)):
                best = found
                break
        score = own * -np.log(np.maximum(p[rare], LEAST)).mean()
        score += false(-np.log(np.maximum(1 - p, LEAST)))
        print(f"| {name} | {(p[rare] >= 0.5).mean():.3f} | {1e6 * false(p >= 0.5):.2f} | "
              f"{best:.3f} | {1e6 * own * p[rare].mean():.1f}, {1e6 * false(p):.1f} | "
              f"{1e6 * score:.1f} |")  # fmt: skip
    print(f"\nof {1e6 * own:g} O stars in a million. Scores of two visits, correlation:")
    low, high = settings.odds.range
    for name in np.unique(group):
        a, b = np.clip(pairs[:, group == name], low, high)
        some = (a > low) & (b > low)
        if some.sum() > 2:
            print(f"{name}: {np.corrcoef(a[some], b[some])[0, 1]:.2f} ({some.sum()})")
        else:
            print(f"{name}: too few ({some.sum()})")


def memory(preset, n_rows: int) -> None:
    """Print how long it takes to find the stars of a catalogue, and the memory it takes."""
    from lamost_rare.survey.stars import write_stars

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "catalogue.parquet"
        write_catalogue(source, preset, n_rows)
        before, began = _peak(), time.process_time()
        counts = write_stars(source, Path(folder) / "stars.parquet", preset, preset.threshold)
        seconds = time.process_time() - began
        print(
            f"{n_rows} rows, {source.stat().st_size / 1e6:.0f} MB: {counts.stars} stars in "
            f"{seconds:.1f} s of processor time, {(_peak() - before) / n_rows:.0f} bytes a row "
            f"above {before / 1e6:.0f} MB"
        )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_catalogue(path, preset, n_rows: int, seed=0) -> None:
    """Write a catalogue of six stars to ten rows, a third of which have several; one row in a
    hundred has a score."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lamost_rare.inference.arrow import schema_of
    from lamost_rare.inference.columns import columns_of_catalogue

    rng = np.random.default_rng(seed)
    n_stars = int(0.6 * n_rows)
    ra, dec = rng.uniform(0, 360, n_stars), np.degrees(np.arcsin(rng.uniform(-0.17, 0.9, n_stars)))
    of_star = np.r_[np.arange(n_stars), rng.integers(0, n_stars // 3, n_rows - n_stars)]
    rng.shuffle(of_star)
    schema = schema_of(columns_of_catalogue(preset.classes, preset.rare_class, evidence=False))
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, n_rows, 32_768):
            star = of_star[start : start + 32_768]
            n = len(star)
            p = rng.dirichlet(np.full(len(preset.classes), 0.1), n).astype(np.float32)
            scored = rng.random(n) < 0.01
            values = {f.name: np.zeros(n, f.type.to_pandas_dtype()) for f in schema
                      if f.type != pa.string()}  # fmt: skip
            values |= {f"p_{name}": p[:, i] for i, name in enumerate(preset.classes)}
            values |= {"ra": ra[star] + rng.normal(0, 2e-5, n), "dec": dec[star]}
            values |= {"obsid": start + np.arange(n), "snr_g": rng.lognormal(3, 0.7, n)}
            values |= {"survey_snr": np.where(scored, values["snr_g"], np.nan)}
            values |= {"survey_score": np.where(scored, rng.normal(-5, 5, n), np.nan)}
            values |= {"path": [f"/dr7/20130208/HD0547/spec-{i:060d}.fits.gz" for i in star]}
            values |= {"designation": [f"J{i:018d}" for i in star]}
            values |= {"prediction": np.array(preset.classes)[p.argmax(axis=1)]}
            arrays = [pa.array(values[f.name], f.type, from_pandas=True) for f in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def main() -> None:
    """Measure."""
    from lamost_rare.presets import load_preset

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["together", "memory"])
    parser.add_argument("--preset", help="name or folder; by default the default preset")
    parser.add_argument("--data", type=Path, help="folder with libraries/ and lamost/")
    parser.add_argument("--work", type=Path, help="folder of trainings, to judge unseen stars")
    parser.add_argument("--seed", type=int, default=1, help="seed of those (default: 1)")
    parser.add_argument("--rows", type=int, default=1_000_000)
    args = parser.parse_args()
    preset = load_preset(args.preset)
    if preset.settings.odds is None:
        parser.error(f"preset {preset.name!r} has no odds of a survey")
    if args.what == "memory":
        memory(preset, args.rows)
    elif args.data is None:
        parser.error("together needs --data DIR")
    else:
        report(preset, args.data, args.work, args.seed)


if __name__ == "__main__":
    main()

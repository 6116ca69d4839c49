"""A preset with made-up odds and trials."""

import numpy as np

from lamost_rare.presets import Preset, save_preset
from lamost_rare.validation.tried import Tried, save_tried
from standin import CONFIG

POPULATIONS = {
    "O3-O8.5": ("O", 6.0),
    "O9-O9.7": ("O", 3.0),
    "B0-B0.5": ("B", -1.0),
    "B3-B9": ("B", -8.0),
}
ODDS = {
    "weights": [0.0] * 7,
    "constant": 0.0,
    "range": [-30.0, 30.0],
    "populations": {
        name: {"of": of, "location": [middle, 0.0, 0.0], "scale": [0.0, 0.0], "spread": 0.1}
        for name, (of, middle) in POPULATIONS.items()
    },
}
PREVALENCE = {"O3-O8.5": 6e-6, "O9-O9.7": 6e-6, "B0-B0.5": 5e-5, "B3-B9": 0.999938}
TYPES = ("O4V", "O6.5Iaf", "O7.5III", "O8.5V", "O9V", "O9.5Ib", "O9.7IV", "09.5 V")


def made_up_trials(n_stars=24, repeats=40, seed=4) -> Tried:
    """Stars of O, the later and fainter and redder the harder to find; and some of B."""
    rng = np.random.default_rng(seed)
    star = np.repeat(np.arange(n_stars), repeats)
    mk_type = np.array(TYPES, dtype=object)[star % len(TYPES)]
    late = np.char.find(mk_type.astype(str), "9") >= 0
    n = len(star)
    snr = np.exp(rng.uniform(np.log(5), np.log(100), n))
    a_v = rng.uniform(0, 8, n)
    kind = np.where(rng.random(n) < 0.2, "damaged", "library").astype(object)
    score = 6 + 3 * np.log(snr / 10) - 0.5 * a_v - 5 * late - 4 * (kind == "damaged")
    score += rng.logistic(size=n)
    population = np.where(late, "O9-O9.7", "O3-O8.5").astype(object)
    b_star = star == n_stars - 1
    mk_type[b_star], population[b_star] = "B5V", "B3-B9"
    numbers = {"snr": snr, "score": np.where(score < -8, np.nan, score), "a_v": a_v}
    numbers |= {"lost": np.zeros(n), "velocity": np.zeros(n), "vsini": np.zeros(n)}
    numbers["weight"] = np.where(np.isnan(numbers["score"]), 2.0, 1.0)
    numbers = {name: values.astype("f4") for name, values in numbers.items()}
    return Tried(
        kind=kind, population=population, mk_type=mk_type, star=star, covered=np.ones(n, bool),
        **numbers,
    )  # fmt: skip


def preset_with_trials(folder, tried=None, **config) -> Preset:
    """Save a preset that keeps trials, in a new folder below ``folder``."""
    (folder / "weights").write_bytes(b"none")
    changed = {"name": "made-up-v1", "odds": ODDS, "prevalence": PREVALENCE, "threshold": 0.5}
    preset = save_preset(folder / "made-up-v1", {**CONFIG, **changed, **config}, folder / "weights")
    save_tried(preset.folder, made_up_trials() if tried is None else tried)
    return preset

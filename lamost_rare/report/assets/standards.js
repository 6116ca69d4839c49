"use strict";

/**
 * Standards of each class beside a spectrum: which one is nearest, and how it would look here.
 *
 * A standard is rectified. Before it is compared it is multiplied by the smooth level of the ratio,
 * so that reddening and flux calibration count for nothing and lines for all.
 */
const Standards = (() => {
  const RANGE = [3800, 6800]; // Å: beyond, telluric bands and lost ends say nothing of the star
  const AVOID = 6; // Å around lines that are not the star's
  const MOST = 100; // of one pixel's chi-square: 10 sigma, so that no cosmic ray decides
  const LEAST_PIXELS = 100;

  let known = [];
  let wavelength = null;
  let avoided = [];
  const ranked = new WeakMap(); // the last answer for a spectrum

  /** Read the standards of the page; `avoided` are lines that do not count. */
  async function open(list) {
    known = await Unpack.standards();
    const at = new Set(list.sets.filter((set) => set.at_rest || set.name === "nebular").map((set) => set.name));
    avoided = list.lines.filter((line) => at.has(line.set)).map((line) => line.wavelength);
    if (!known.length) return;
    const { log10_start: start, log10_step: step, n } = list.standards;
    wavelength = Float64Array.from({ length: n }, (_, i) => 10 ** (start + step * i));
  }

  /** The part of a spectrum that counts; pixels that say nothing of the star are masked too. */
  function counted({ wavelength: x, flux, sigma, mask }) {
    const [from, to] = RANGE.map((end) => Numerics.indexOf(x, end));
    const part = Object.fromEntries(Object.entries({ wavelength: x, flux, sigma }).map(
      ([name, values]) => [name, values.subarray(from, to)]));
    part.mask = mask.slice(from, to);
    for (const line of avoided) {
      part.mask.fill(1, Numerics.indexOf(part.wavelength, line - AVOID), Numerics.indexOf(part.wavelength, line + AVOID));
    }
    return part;
  }

  /** A standard as it would be observed: moved, and brought to the spectrum's level. */
  function drawn(spectrum, standard, velocity) {
    const moved = Numerics.resampled(wavelength, standard.flux, spectrum.wavelength, Numerics.doppler(velocity));
    return Numerics.matched(spectrum, moved);
  }

  /** Mean chi-square of a standard over the pixels that count; null where they are too few. */
  function chi2Of({ flux, sigma, mask }, model) {
    let [sum, count] = [0, 0];
    for (let i = 0; i < flux.length; i += 1) {
      if (mask[i] || !Number.isFinite(model[i])) continue;
      sum += Math.min(MOST, ((flux[i] - model[i]) / sigma[i]) ** 2);
      count += 1;
    }
    return count < LEAST_PIXELS ? null : sum / count;
  }

  /**
   * The nearest standard of each class, the nearest of all first.
   *
   * Each is {class, type, chi2, standard}; none where there are no standards, or too few pixels.
   */
  function rank(spectrum, velocity) {
    const before = ranked.get(spectrum);
    if (before?.velocity === velocity) return before.found;
    const found = ranking(spectrum, velocity);
    ranked.set(spectrum, { velocity, found });
    return found;
  }

  function ranking(spectrum, velocity) {
    const part = counted(spectrum);
    const best = new Map();
    for (const standard of known) {
      const chi2 = chi2Of(part, drawn(part, standard, velocity));
      const before = best.get(standard.class);
      if (chi2 !== null && !(before?.chi2 <= chi2)) {
        best.set(standard.class, { class: standard.class, type: standard.type, chi2, standard });
      }
    }
    return [...best.values()].sort((a, b) => a.chi2 - b.chi2);
  }

  return { drawn, open, rank };
})();

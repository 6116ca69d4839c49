"use strict";

/** Arithmetic of spectra: continuum, smoothing, shifts. Nothing here knows of the page. */
const Numerics = (() => {
  const C_KM_S = 299792.458;

  /** Factor by which a velocity in km/s lengthens wavelengths. */
  const doppler = (velocity) => 1 + velocity / C_KM_S;

  /** Median of the first `count` numbers of a typed array, which are sorted in place. */
  function median(values, count) {
    if (!count) return 0;
    const some = values.subarray(0, count).sort();
    return 0.5 * (some[(count - 1) >> 1] + some[count >> 1]);
  }

  /** Index of the first wavelength that is not below `value`. */
  function indexOf(wavelength, value) {
    let [low, high] = [0, wavelength.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (wavelength[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Medians of blocks of pixels, and what part of each block is valid. */
  function blockMedians(flux, mask, block) {
    const n = Math.ceil(flux.length / block);
    const level = new Float64Array(n);
    const weight = new Float64Array(n);
    const scratch = new Float64Array(block);
    for (let b = 0; b < n; b += 1) {
      let count = 0;
      const end = Math.min(flux.length, (b + 1) * block);
      for (let i = b * block; i < end; i += 1) {
        if (!mask[i] && Number.isFinite(flux[i])) scratch[count++] = flux[i];
      }
      level[b] = median(scratch, count);
      weight[b] = count / block;
    }
    return { level, weight };
  }

  /** Blocks smoothed by a Gaussian of `smooth` blocks; the mean where none is near. */
  function smoothBlocks({ level, weight }, smooth) {
    const n = level.length;
    let [total, sum] = [0, 0];
    for (let b = 0; b < n; b += 1) {
      total += weight[b];
      sum += level[b] * weight[b];
    }
    const mean = sum / Math.max(total, 1e-6);
    const reach = Math.ceil(5 * smooth);
    const kernel = Float64Array.from({ length: reach + 1 }, (_, d) => Math.exp(-0.5 * (d / smooth) ** 2));
    const out = new Float64Array(n);
    for (let b = 0; b < n; b += 1) {
      let [above, below] = [0, 0];
      for (let o = Math.max(0, b - reach); o <= Math.min(n - 1, b + reach); o += 1) {
        const k = kernel[Math.abs(o - b)] * weight[o];
        above += k * level[o];
        below += k;
      }
      out[b] = below > 1e-3 ? above / below : mean;
    }
    return out;
  }

  /** Values at blocks' centres to pixels: linear, constant beyond the outermost. */
  function spread(level, block, n) {
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 1) {
      const at = (i + 0.5) / block - 0.5;
      const low = Math.floor(at);
      const left = level[Math.max(0, low)];
      const right = level[Math.min(level.length - 1, low + 1)];
      out[i] = left + (right - left) * (at - low);
    }
    return out;
  }

  /**
   * Smooth level through a spectrum: medians of blocks, smoothed over neighbours.
   *
   * The same as `pseudo_continuum` of lamost_rare/spectra/normalize.py, which candidates are judged by.
   */
  function pseudoContinuum(flux, mask, block = 32, smooth = 3) {
    return spread(smoothBlocks(blockMedians(flux, mask, block), smooth), block, flux.length);
  }

  /**
   * Spectrum smoothed by a Gaussian of `width` pixels, weighted with the inverse variance.
   *
   * Gives flux and the sigma of that mean; masked pixels have no weight, and stay masked where
   * nothing valid is near.
   */
  function smoothed(spectrum, width) {
    if (!width) return spectrum;
    const { flux, sigma, mask } = spectrum;
    const n = flux.length;
    const reach = Math.ceil(3.5 * width);
    const kernel = Float64Array.from({ length: reach + 1 }, (_, d) => Math.exp(-0.5 * (d / width) ** 2));
    const out = { ...spectrum, flux: flux.slice(), sigma: sigma.slice(), mask: mask.slice() };
    for (let i = 0; i < n; i += 1) {
      let [sum, weight, variance] = [0, 0, 0];
      for (let o = Math.max(0, i - reach); o <= Math.min(n - 1, i + reach); o += 1) {
        if (mask[o]) continue;
        const k = kernel[Math.abs(o - i)] / (sigma[o] * sigma[o]);
        sum += k * flux[o];
        weight += k;
        variance += kernel[Math.abs(o - i)] * k;
      }
      if (!(weight > 0)) continue;
      out.flux[i] = sum / weight;
      out.sigma[i] = Math.sqrt(variance) / weight;
    }
    return out;
  }

  /** Values of one axis at wavelengths of another, linear between pixels; NaN beyond its ends. */
  function resampled(from, values, to, factor = 1) {
    const out = new Float32Array(to.length);
    let at = 0;
    const last = from.length - 1;
    for (let i = 0; i < to.length; i += 1) {
      const x = to[i] / factor;
      while (at < last - 1 && from[at + 1] < x) at += 1;
      const part = (x - from[at]) / (from[at + 1] - from[at]);
      out[i] = part >= 0 && part <= 1 ? values[at] + part * (values[at + 1] - values[at]) : NaN;
    }
    return out;
  }

  /** Another spectrum's values times the smooth level that brings them to this one's flux. */
  function matched(spectrum, other) {
    const { flux, mask } = spectrum;
    const n = flux.length;
    const ratio = new Float32Array(n);
    const bad = new Uint8Array(n);
    for (let i = 0; i < n; i += 1) {
      ratio[i] = flux[i] / other[i];
      bad[i] = mask[i] || !(Math.abs(other[i]) > 1e-3) ? 1 : 0;
    }
    const level = pseudoContinuum(ratio, bad);
    for (let i = 0; i < n; i += 1) level[i] *= other[i];
    return level;
  }

  /** The part of sorted values below which a fraction of them lies. */
  const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))];

  /**
   * Range of the valid fluxes from pixel `from` to `to` that single spikes and lost ends do not move.
   *
   * Each pixel counts as the median of three; pixels far noisier than most do not count, and the more
   * noise there is the more of the extremes are left out.
   */
  function robustRange({ flux, sigma, mask }, from, to) {
    const noise = [];
    for (let i = from; i < to; i += 1) if (!mask[i]) noise.push(sigma[i]);
    if (!noise.length) return null;
    const limit = 2.5 * quantile(Float64Array.from(noise).sort(), 0.5);
    const values = [];
    for (let i = from; i < to; i += 1) {
      if (mask[i] || (sigma[i] > limit && Math.abs(flux[i]) < 4 * sigma[i] && noise.length > 16)) continue;
      const [a, b, c] = [flux[Math.max(from, i - 1)], flux[i], flux[Math.min(to - 1, i + 1)]];
      values.push(Math.max(Math.min(a, b), Math.min(Math.max(a, b), c)));
    }
    const sorted = Float64Array.from(values).sort();
    // A line of a few pixels is to be seen whole: without noise what is left out is less than that.
    const spread = quantile(sorted, 0.84) - quantile(sorted, 0.16);
    const noisy = Math.min(1, limit / 2.5 / (spread || 1));
    const part = Math.min(0.0005 + 0.005 * noisy ** 2, 2 / sorted.length + 0.005 * noisy ** 2);
    return [quantile(sorted, part), quantile(sorted, 1 - part)];
  }

  return { C_KM_S, doppler, indexOf, matched, median, pseudoContinuum, quantile, resampled, robustRange, smoothed };
})();

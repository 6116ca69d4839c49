"use strict";

/**
 * Equivalent widths, as lamost_rare/inference/evidence.py measures them.
 *
 * Here windows follow any velocity, and the continuum is kept for the pictures.
 */
const Widths = (() => {
  const MIN_BAND_FRACTION = 0.4;
  const MIN_WINDOW_FRACTION = 0.8;
  const CLIP = 3.5;
  const ITERATIONS = 3;

  /** Edge between pixel i - 1 and pixel i: their geometric mean; half a step beyond the ends. */
  function edge(wavelength, i) {
    const n = wavelength.length;
    if (i <= 0) return wavelength[0] * Math.sqrt(wavelength[0] / wavelength[1]);
    if (i >= n) return wavelength[n - 1] * Math.sqrt(wavelength[n - 1] / wavelength[n - 2]);
    return Math.sqrt(wavelength[i - 1] * wavelength[i]);
  }

  /** Pixels of a line's bands and window, in the frame of the star; null if the axis ends before. */
  function pixelsOf(wavelength, line, factor) {
    const n = wavelength.length;
    const [low, high] = line.window;
    const [first, last] = [line.bands[0][0], line.bands[line.bands.length - 1][1]];
    if (n < 2 || edge(wavelength, 0) / factor > first || edge(wavelength, n) / factor < last) return null;
    const x = (i) => (wavelength[i] / factor - line.wavelength) / (high - low);
    const bands = [];
    const window = [];
    const end = Math.min(n, Numerics.indexOf(wavelength, last * factor) + 2);
    for (let i = Math.max(0, Numerics.indexOf(wavelength, first * factor) - 1); i < end; i += 1) {
      const centre = wavelength[i] / factor;
      if (line.bands.some(([a, b]) => centre >= a && centre <= b)) bands.push({ i, x: x(i), blue: centre < low });
      const width = Math.min(edge(wavelength, i + 1) / factor, high) - Math.max(edge(wavelength, i) / factor, low);
      if (width > 0) window.push({ i, x: x(i), width });
    }
    return { bands, window };
  }

  const usable = ({ flux, sigma, mask }, i) => !mask[i] && Number.isFinite(flux[i]) && sigma[i] > 0;

  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  const median = (values) => Numerics.median(Float64Array.from(values), values.length);

  /** First guess: a line through the medians of both sides, which one cosmic ray cannot move. */
  function firstLine(points, bands) {
    const sides = [true, false].map((blue) => {
      const all = bands.filter((pixel) => pixel.blue === blue);
      const good = points.filter((point) => point.blue === blue);
      if (good.length < Math.max(3, MIN_BAND_FRACTION * all.length)) return null;
      return { x: mean(all.map((pixel) => pixel.x)), y: median(good.map((point) => point.y)) };
    });
    if (!sides[0] || !sides[1]) return null;
    const slope = (sides[1].y - sides[0].y) / (sides[1].x - sides[0].x);
    return { level: sides[0].y - slope * sides[0].x, slope };
  }

  /** Weighted straight line through some points. */
  function fitted(points) {
    let [s0, s1, s2, t0, t1] = [0, 0, 0, 0, 0];
    for (const { x, y, ivar } of points) {
      s0 += ivar;
      s1 += ivar * x;
      s2 += ivar * x * x;
      t0 += ivar * y;
      t1 += ivar * y * x;
    }
    const determinant = s0 * s2 - s1 * s1;
    const [level, slope] = [(s2 * t0 - s1 * t1) / determinant, (s0 * t1 - s1 * t0) / determinant];
    return { level, slope, determinant, c00: s2, c01: -s1, c11: s0 };
  }

  /** Continuum through the side bands, outliers left out, with the covariance of its parameters. */
  function fitContinuum(spectrum, bands) {
    const points = bands.filter(({ i }) => usable(spectrum, i)).map(({ i, x, blue }) => (
      { x, blue, y: spectrum.flux[i], ivar: 1 / spectrum.sigma[i] ** 2 }));
    let fit = firstLine(points, bands);
    if (!fit) return null;
    let used = points;
    for (let k = 0; k < ITERATIONS; k += 1) {
      const { level, slope } = fit;
      const off = ({ x, y }) => Math.abs(y - level - slope * x);
      const scatter = 1.4826 * median(points.map(off));
      used = points.filter((point) => off(point) ** 2 * point.ivar <= CLIP ** 2 || off(point) <= CLIP * scatter);
      fit = fitted(used);
    }
    if (!(fit.determinant > 0)) return null;
    // Structure beyond the noise makes the fit less certain than the pixel errors say.
    const freedom = Math.max(used.length - 2, 1);
    const chi2 = used.reduce((sum, { x, y, ivar }) => sum + ivar * (y - fit.level - fit.slope * x) ** 2, 0);
    const reduced = chi2 / freedom;
    const scale = (reduced > 1 + 3 * Math.sqrt(2 / freedom) ? reduced : 1) / fit.determinant;
    return { ...fit, c00: scale * fit.c00, c01: scale * fit.c01, c11: scale * fit.c11 };
  }

  /** Ratios of flux and continuum over the window, drawn between neighbours where masked. */
  function ratiosOf(spectrum, window, fit) {
    const good = window.filter(({ i }) => usable(spectrum, i));
    const ratio = ({ i, x }) => spectrum.flux[i] / (fit.level + fit.slope * x);
    let next = 0;
    return window.map((pixel) => {
      if (usable(spectrum, pixel.i)) return ratio(pixel);
      while (next < good.length && good[next].x < pixel.x) next += 1;
      const [left, right] = [good[Math.max(0, next - 1)], good[Math.min(next, good.length - 1)]];
      if (left === right) return ratio(left);
      const part = Math.min(1, Math.max(0, (pixel.x - left.x) / (right.x - left.x)));
      return ratio(left) + part * (ratio(right) - ratio(left));
    });
  }

  /** Width and error of a line whose continuum is known; null where they would mean nothing. */
  function integrate(spectrum, window, fit) {
    const total = window.reduce((sum, pixel) => sum + pixel.width, 0);
    const covered = window.reduce((sum, p) => sum + (usable(spectrum, p.i) ? p.width : 0), 0) / total;
    const significant = [window[0].x, window[window.length - 1].x].every((x) => (
      fit.level + fit.slope * x > 3 * Math.sqrt(fit.c00 + 2 * x * fit.c01 + x * x * fit.c11)));
    if (!significant || !(covered >= MIN_WINDOW_FRACTION)) return null;
    let [sum, photon, byLevel, bySlope] = [0, 0, 0, 0];
    ratiosOf(spectrum, window, fit).forEach((ratio, k) => {
      const { i, x, width } = window[k];
      const share = width / (fit.level + fit.slope * x);
      sum += ratio * width;
      if (usable(spectrum, i)) photon += (share * spectrum.sigma[i]) ** 2;
      byLevel += share * ratio;
      bySlope += share * ratio * x;
    });
    const variance = photon / covered ** 2
      + byLevel ** 2 * fit.c00 + 2 * byLevel * bySlope * fit.c01 + bySlope ** 2 * fit.c11;
    const [width, error] = [total - sum, Math.sqrt(variance)];
    return Number.isFinite(width) && Number.isFinite(error) ? { width, error } : null;
  }

  /**
   * Measure a line of a star of some velocity (km/s).
   *
   * Gives `width` and `error` in Å in the star's frame, absorption positive, both null where too
   * little is valid; and `continuum`, a function of the observed wavelength, or null.
   */
  function measure(spectrum, line, velocity = 0) {
    const nothing = { width: null, error: null, continuum: null };
    if (!line.window || !line.bands) return nothing;
    const factor = Numerics.doppler(velocity);
    const pixels = pixelsOf(spectrum.wavelength, line, factor);
    const fit = pixels && pixels.window.length ? fitContinuum(spectrum, pixels.bands) : null;
    if (!fit) return nothing;
    const unit = line.window[1] - line.window[0];
    const continuum = (x) => fit.level + (fit.slope * (x / factor - line.wavelength)) / unit;
    return { width: null, error: null, ...integrate(spectrum, pixels.window, fit), continuum };
  }

  return { measure };
})();

"use strict";

/**
 * What is drawn of one spectrum with some settings: arrays, made once and drawn many times.
 *
 * Settings: velocity (km/s), smoothing (pixels), rectified, errors, residuals (bool), standard (class,
 * "nearest" or "none"), sets ({name: bool}), visit (number of another spectrum of the star, or null).
 */
const Scene = (() => {
  /** Spectrum divided by a smooth level; where that is not positive nothing is shown. */
  function divided(spectrum, level) {
    const { flux, sigma, mask } = spectrum;
    const n = flux.length;
    const out = { ...spectrum, flux: new Float32Array(n), sigma: new Float32Array(n), mask: mask.slice() };
    for (let i = 0; i < n; i += 1) {
      const good = level[i] > 0;
      out.flux[i] = good ? flux[i] / level[i] : NaN;
      out.sigma[i] = good ? sigma[i] / level[i] : NaN;
      if (!good) out.mask[i] = 1;
    }
    return out;
  }

  const over = (values, level) => values.map((value, i) => (level[i] > 0 ? value / level[i] : NaN));

  /** The standard to overlay, of those that were ranked. */
  function chosen(ranked, wanted) {
    if (wanted === "none") return null;
    return ranked.find((one) => one.class === wanted) ?? ranked[0] ?? null;
  }

  /** Differences in sigma between what is shown of a spectrum and a standard. */
  function residuals({ flux, sigma }, model) {
    return model.map((value, i) => (flux[i] - value) / sigma[i]);
  }

  /** Another spectrum of the star on this one's wavelengths, as smooth as this one is shown. */
  function overlaid(visit, smoothing, wavelength) {
    const { flux, mask } = Numerics.smoothed(visit, smoothing);
    return Numerics.resampled(visit.wavelength, flux.map((value, i) => (mask[i] ? NaN : value)), wavelength);
  }

  /** Make the scene. `visit` is another spectrum of the star, already unpacked, or null. */
  function make(list, spectrum, settings, visit = null) {
    const { velocity } = settings;
    const ranked = Standards.rank(spectrum, velocity);
    const standard = chosen(ranked, settings.standard);
    const smooth = Numerics.smoothed(spectrum, settings.smoothing);
    const model = standard && Standards.drawn(spectrum, standard.standard, velocity);
    const other = visit && Numerics.matched(spectrum, overlaid(visit, settings.smoothing, spectrum.wavelength));
    const level = settings.rectified ? Numerics.pseudoContinuum(spectrum.flux, spectrum.mask) : null;
    return {
      list,
      settings,
      spectrum,
      smooth,
      ranked,
      standard,
      model,
      shown: level ? divided(smooth, level) : smooth,
      shownModel: model && (level ? over(model, level) : model),
      shownVisit: other && (level ? over(other, level) : other),
      residuals: model && residuals(smooth, model),
      valid: spectrum.mask.reduce((sum, bit) => sum + 1 - bit, 0),
      lines: Markers.placed(list, settings.sets, velocity),
    };
  }

  return { make };
})();

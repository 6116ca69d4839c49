"use strict";

/** Numbers of the catalogue in words and figures, for people. */
const Words = (() => {
  const missing = (value) => value === null || value === undefined || !Number.isFinite(value);

  /** Number with a true minus sign; `none` where there is none. */
  function number(value, digits, none = "not measured") {
    if (missing(value)) return none;
    const text = value.toFixed(digits);
    return Number(text) ? text.replace("-", "−") : text.replace("-", "");
  }

  /** Value ± error with a unit. */
  function measured(value, error, digits, unit = "") {
    if (missing(value)) return "not measured";
    const range = missing(error) ? "" : ` ± ${number(error, digits)}`;
    return `${number(value, digits)}${range}${unit && ` ${unit}`}`;
  }

  /** Whole number with thousands set apart. */
  const grouped = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u2009");

  /** Round to two digits: more would say more than is known. */
  const rough = (value) => Number(value.toPrecision(2));

  /** Probability as a percentage with as many digits as it is worth. */
  function percent(p) {
    if (missing(p)) return "–";
    const value = 100 * p;
    if (value > 0 && value < 0.01) return "< 0.01 %";
    if (value > 99.9 && value < 100) return "> 99.9 %";
    return `${Number(value.toFixed(value >= 99 || value < 1 ? 2 : value < 10 ? 1 : 0))} %`;
  }

  /** Say what a probability in a survey means. */
  function probability(p, name) {
    if (missing(p)) return `No probability of ${name} in a survey.`;
    if (p >= 0.995) return `Of 1000 such spectra ${Math.min(999, Math.round(1000 * p))} or more are ${name}.`;
    if (p >= 0.05) return `Of 100 such spectra about ${Math.round(100 * p)} are ${name}.`;
    if (p >= 1e-6) return `Of ${grouped(rough(1 / p))} such spectra about one is ${name}.`;
    return `Of a million such spectra less than one is ${name}.`;
  }

  /** Say how odd a spectrum is. */
  function novelty(value) {
    if (missing(value)) return "not known";
    const one = grouped(rough(10 ** value));
    if (value < 1) return "like known spectra";
    return `${value < 2 ? "somewhat odd" : "odd"}: of ${one} known spectra one is as odd`;
  }

  /** Name of a class as people write it. */
  const className = (name) => name.replaceAll("_", " ");

  /** Subtype of an O star: 7.5 is O7.5, and 10 is B0. */
  function subtype(value, error) {
    if (missing(value)) return null;
    const letter = value < 10 ? `O${number(value, 1)}` : `B${number(value - 10, 1)}`;
    return missing(error) ? letter : `${letter} ± ${number(error, 1)}`;
  }

  /** Parts of an angle: units, minutes, seconds, rounded once so that no 60 stays. */
  function sixties(value, digits) {
    const scale = 10 ** digits;
    const all = Math.round(Math.abs(value) * 3600 * scale);
    const two = (n) => String(n).padStart(2, "0");
    const seconds = (all % (60 * scale)) / scale;
    const padded = seconds.toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
    return [Math.floor(all / (3600 * scale)), two(Math.floor(all / (60 * scale)) % 60), padded, two];
  }

  /** Right ascension and declination (degrees) as hours and degrees in sixties. */
  function sexagesimal(ra, dec) {
    const [hours, m, s, two] = sixties((((ra % 360) + 360) % 360) / 15, 2);
    const [degrees, arcmin, arcsec] = sixties(dec, 1);
    return `${two(hours % 24)}:${m}:${s} ${dec < 0 ? "-" : "+"}${two(degrees)}:${arcmin}:${arcsec}`;
  }

  /** Right ascension and declination in degrees. */
  const degrees = (ra, dec) => `${ra.toFixed(6)} ${dec < 0 ? "" : "+"}${dec.toFixed(6)}`;

  return {
    className, degrees, grouped, measured, missing, novelty, number, percent, probability, sexagesimal, subtype,
  };
})();

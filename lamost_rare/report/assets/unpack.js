"use strict";

/**
 * Reads what the page carries: the list, one spectrum after the other, the standards.
 *
 * Each is text of an element: base64 of what zlib made. A spectrum is read when it is wanted, which
 * may be before the browser has the whole page.
 */
const Unpack = (() => {
  const KEPT = 32; // spectra that stay unpacked: the neighbours of the one that is shown
  const PER_OCTAVE = 8;
  const spectra = new Map();
  const axes = new Map();
  let listed = null;
  let standard = null;

  /** Tell whether this browser has what the page needs. */
  function supported() {
    return typeof DecompressionStream === "function";
  }

  /** Say in one line which browsers have it. */
  function unsupported() {
    return "This browser cannot unpack the spectra (it has no DecompressionStream). "
      + "Chrome or Edge 80, Firefox 113, Safari 16.4 and later ones can.";
  }

  /** Bytes of base64. */
  function bytesOf(text) {
    const clean = text.trim();
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(clean);
    const binary = atob(clean);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  /** Bytes of base64 of what zlib made. */
  async function inflate(text) {
    if (!supported()) throw new Error(unsupported());
    const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /** Text of an element once the parser is through with it. */
  async function textOf(id) {
    for (;;) {
      const element = document.getElementById(id);
      const whole = document.readyState !== "loading";
      if (element && (whole || element.nextSibling)) return element.textContent;
      if (whole) throw new Error("The page holds no data for it; perhaps it was not copied whole.");
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
  }

  /** Sums of differences that were written in planes of bytes, with the sign as the lowest bit. */
  function summed(bytes, at, n, planes, out = new Int32Array(n)) {
    let sum = 0;
    for (let i = 0; i < n; i += 1) {
      let z = 0;
      for (let plane = planes - 1; plane >= 0; plane -= 1) z = (z << 8) | bytes[at + plane * n + i];
      sum += (z >>> 1) ^ -(z & 1);
      out[i] = sum;
    }
    return out;
  }

  /** Flux, sigma and mask of the bytes of one spectrum (lamost_rare/report/packing.py). */
  function decode(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [n, block] = [view.getUint16(0, true), view.getUint16(2, true)];
    const blocks = Math.ceil(n / block);
    const at = 4 + 4 * blocks;
    if (!n || bytes.length !== at + 5 * n + Math.ceil(n / 8)) {
      throw new Error("The data of this spectrum are damaged: the page was not copied whole, or edited.");
    }
    const steps = summed(bytes, at, n, 3);
    const logs = summed(bytes, at + 3 * n, n, 2);
    const flux = new Float32Array(n);
    const sigma = new Float32Array(n);
    const mask = new Uint8Array(n);
    let step = 1;
    for (let i = 0; i < n; i += 1) {
      if (i % block === 0) step = 2 ** (view.getInt32(4 + 4 * (i / block), true) / PER_OCTAVE);
      flux[i] = steps[i] * step;
      sigma[i] = 2 ** (logs[i] / PER_OCTAVE);
      mask[i] = (bytes[at + 5 * n + (i >> 3)] >> (i & 7)) & 1;
    }
    return { flux, sigma, mask };
  }

  /** The list: what is known of all rows (docs/report.md). */
  function list() {
    listed ??= textOf("list").then(inflate).then((bytes) => JSON.parse(new TextDecoder().decode(bytes)));
    return listed;
  }

  async function axisOf(axis) {
    if (!axis.wavelength) {
      return Float64Array.from({ length: axis.n }, (_, i) => 10 ** (axis.log10_start + axis.log10_step * i));
    }
    const bytes = await inflate(axis.wavelength);
    return new Float64Array(bytes.buffer, 0, bytes.length / 8);
  }

  /** Wavelengths of an axis of the list, Å in vacuum; the same array for all spectra on it. */
  async function wavelength(number) {
    const known = (await list()).axes;
    if (!axes.has(number)) axes.set(number, axisOf(known[number]));
    return axes.get(number);
  }

  async function read(i) {
    const known = await list();
    const visit = i >= known.rows;
    const columns = visit ? known.visits : known.columns;
    const at = visit ? i - known.rows : i;
    if (columns.missing[at]) throw new Error(columns.missing[at]);
    const [pixels, x] = await Promise.all([
      textOf(`s${i}`).then(inflate).then(decode), wavelength(columns.axis[at])]);
    if (x.length !== pixels.flux.length) throw new Error("The data of this spectrum are damaged.");
    return { wavelength: x, ...pixels };
  }

  /**
   * Spectrum of a row, or of a visit (numbers from the number of rows on).
   *
   * Float32Array flux and sigma, Uint8Array mask (1: not to be used), Float64Array wavelength.
   * Rejected with an Error whose message says why there is none.
   */
  function spectrum(i) {
    const found = spectra.get(i) ?? read(i);
    spectra.delete(i); // to the end of the order: it was used last
    spectra.set(i, found);
    if (spectra.size > KEPT) spectra.delete(spectra.keys().next().value);
    found.catch(() => spectra.get(i) === found && spectra.delete(i));
    return found;
  }

  /** Unpack a spectrum that will be wanted soon. */
  function prefetch(i) {
    spectrum(i).catch(() => {});
  }

  async function readStandards() {
    const { standards: known } = await list();
    if (!known?.items?.length) return [];
    const bytes = await inflate(known.flux);
    return known.items.map((item, number) => ({
      ...item,
      flux: Float32Array.from(summed(bytes, 2 * number * known.n, known.n, 2), (k) => k / 20000),
    }));
  }

  /** Rectified spectra of standards, [{class, type, flux}], on the axis of the list's standards. */
  function standards() {
    standard ??= readStandards();
    return standard;
  }

  return { list, prefetch, spectrum, standards, supported, unsupported, wavelength };
})();

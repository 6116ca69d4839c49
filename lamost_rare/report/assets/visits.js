"use strict";

/** Other spectra of the same star, beside each other. */
const Visits = (() => {
  const { h } = Elements;

  /** Numbers of the other spectra of a row's star. */
  function others(list, row) {
    const star = list.star?.[row] ?? -1;
    return star < 0 ? [] : list.stars[star].filter((number) => number !== row);
  }

  /** What is known of a spectrum, a row of the list or a further visit. */
  function known(list, number, name) {
    const visit = number >= list.rows;
    return (visit ? list.visits : list.columns)[name]?.[visit ? number - list.rows : number];
  }

  /** Say what a spectrum is, in few words. */
  function described(list, number) {
    const parts = [`S/N ${Words.number(known(list, number, "snr_g"), 0, "unknown")}`];
    const p = known(list, number, "p_survey");
    if (!Words.missing(p)) parts.push(`${list.rare} ${Words.percent(p)}`);
    parts.push(number < list.rows ? `number ${number + 1} here` : "not in this list");
    return parts.join(", ");
  }

  /** Draw a spectrum small: no axes, its own height. */
  async function thumbnail(canvas, number, inks = Palette.inks(), range = [3700, 7000]) {
    const { clientWidth: width, clientHeight: height } = canvas;
    const spectrum = await Unpack.spectrum(number);
    const size = { width: width || canvas.width, height: height || canvas.height };
    small(Chart.prepare(canvas, size.width, size.height), spectrum, size, inks, range);
  }

  function small(ctx, spectrum, { width, height }, inks, [low, high]) {
    const { wavelength, mask } = spectrum;
    const ends = [Math.max(low, wavelength[0]), Math.min(high, wavelength[wavelength.length - 1])];
    if (!(ends[1] > ends[0])) ends.splice(0, 2, wavelength[0] - 1, wavelength[wavelength.length - 1] + 1);
    const smooth = Numerics.smoothed(spectrum, 1.5);
    const [from, to] = Traces.shown(wavelength, { x0: ends[0], x1: ends[1] });
    const [least, most] = Numerics.robustRange(smooth, from, to) ?? [0, 1];
    const room = 0.08 * (most - least) || 1;
    const frame = new Chart.Frame({ left: 0, top: 1, width, height: height - 2 }, ends, [least - room, most + room]);
    Traces.trace(ctx, wavelength, smooth.flux, frame, { ink: inks.flux, good: (i) => !mask[i] });
  }

  /** Card of the other visits; `onpick` is told the number to overlay, or null. */
  function element(list, row, settings, onpick) {
    const numbers = others(list, row);
    if (!numbers.length) return null;
    const items = numbers.map((number) => {
      const missing = known(list, number, "missing");
      const text = described(list, number);
      if (missing) return h("li", { class: "v-small" }, `${text}: no spectrum, ${missing}`);
      const canvas = h("canvas", { class: "v-thumbnail", "aria-hidden": "true" });
      const pick = Elements.button("", () => onpick(settings().visit === number ? null : number), { class: "v-visit" });
      pick.append(canvas, h("span", {}, text));
      Elements.press(pick, settings().visit === number);
      requestAnimationFrame(() => thumbnail(canvas, number).catch(() => canvas.remove()));
      return h("li", {}, pick);
    });
    const count = numbers.length === 1 ? "One more spectrum" : `${numbers.length} more spectra`;
    return h("section", { class: "v-card" }, h("h3", {}, `${count} of this star`),
      h("ul", { class: "v-visits" }, items), h("p", { class: "v-small" }, "Press one to lay it over the spectrum."));
  }

  return { element, others, thumbnail };
})();

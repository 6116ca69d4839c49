"use strict";

/** A candidate on paper: overview, close-ups and the main facts, four to a page. */
const Printed = (() => {
  const { h } = Elements;
  const SHARP = 2; // pixels of the picture to one of the paper's
  const SIZE = [600, 284];
  const SMALL = [190, 78];
  const FIRST = ["heii_4541", "hei_4471", "heii_4686", "heii_4200", "heii_5411", "halpha"]; // they decide most

  /** Canvas of a fixed size, drawn by `paint`, that fills its place. */
  function picture(width, height, label, paint) {
    const canvas = h("canvas", { role: "img", "aria-label": label, class: "v-printed-picture" });
    paint(Chart.prepare(canvas, width, height, SHARP), { width, height });
    return canvas;
  }

  /** The few lines for which there is room, by wavelength. */
  function lines(list) {
    const all = Closeups.linesOf(list);
    const place = ({ name }) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
    const chosen = new Set([...all].sort((a, b) => place(a) - place(b)).slice(0, FIRST.length));
    return all.filter((line) => chosen.has(line));
  }

  function facts(list, row) {
    const it = Facts.rowOf(list, row);
    const own = list.blind || Words.missing(it.ra) || Words.missing(it.dec) ? null
      : Words.sexagesimal(it.ra, it.dec);
    return [
      own,
      list.blind || it.obsid === "-1" ? null : `obsid ${it.obsid}`,
      `${Words.className(list.rare)} ${Words.percent(it.p_survey)}`,
      list.rare === "O" ? Words.subtype(it.subtype, it.subtype_err) : null,
      Words.missing(it.velocity) ? null : Words.measured(it.velocity, it.velocity_err, 0, "km/s"),
      `S/N ${Words.number(it.snr_g, 0, "unknown")}`,
    ].filter(Boolean).join(", ");
  }

  /** Element of a row in the inks of white paper; its lines stand where the velocity has them. */
  async function element(list, row, settings) {
    const name = list.blind ? `Spectrum ${row + 1}` : list.columns.name[row];
    const article = h("article", { class: "v-printed plot-printed" },
      h("div", { class: "v-printed-head" }, h("h2", { dir: "auto" }, name), h("p", {}, facts(list, row))));
    try {
      const spectrum = await Unpack.spectrum(row);
      const velocity = list.columns.velocity[row] ?? 0;
      const scene = Scene.make(list, spectrum, { ...settings, velocity, visit: null, residuals: false });
      const inks = Palette.printed();
      const near = lines(list).map((line) => {
        const close = Closeups.near(scene, line);
        return h("figure", {}, h("figcaption", {}, `${line.label}: ${Closeups.widthOf(close.measured)}`),
          picture(...SMALL, line.label, (ctx, size) => Closeups.draw(ctx, close, scene, size, inks)));
      });
      const range = Picture.whole(spectrum);
      article.append(h("div", { class: "v-printed-body" },
        picture(...SIZE, `Spectrum of ${name}`, (ctx, size) => Picture.draw(ctx, scene, { ...size, range }, inks)),
        h("div", { class: "v-printed-lines" }, near)));
    } catch (error) {
      article.append(h("p", {}, `No spectrum: ${error.message}`));
    }
    return article;
  }

  return { element };
})();

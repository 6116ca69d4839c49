"use strict";

/** What the catalogue knows of a candidate, in words. */
const Facts = (() => {
  const { h } = Elements;

  /** Values of all columns of a row, with the row's own number. */
  function rowOf(list, row) {
    const found = { row };
    for (const [name, values] of Object.entries(list.columns)) found[name] = values[row];
    return found;
  }

  /** Heading: name, and what is to be known at once. */
  function heading(list, row) {
    const it = rowOf(list, row);
    const [rare, p] = [Words.className(list.rare), Words.percent(it.p_survey)];
    const badges = [
      list.blind ? null : h("span", { class: it.candidate ? "v-badge v-candidate" : "v-badge" },
        it.candidate ? `candidate ${rare} ${p}` : `${rare} ${p}`),
      it.prediction ? h("span", { class: "v-badge" }, `most like ${Words.className(it.prediction)}`) : null,
      h("span", { class: "v-badge" }, `S/N ${Words.number(it.snr_g, 0, "unknown")}`),
      ...[list.rare === "O" && Words.subtype(it.subtype, it.subtype_err),
        !Words.missing(it.velocity) && Words.measured(it.velocity, it.velocity_err, 0, "km/s")]
        .map((text) => text && h("span", { class: "v-badge" }, text)),
    ];
    const name = list.blind ? `Spectrum ${row + 1}` : it.name;
    return [h("h2", { class: "v-name", dir: "auto" }, name), ...badges.filter(Boolean)];
  }

  /** Lines that must be seen before anything is believed. */
  function warnings(list, row) {
    const { missing, changed } = rowOf(list, row);
    return [missing && `No spectrum: ${missing}`, changed].filter(Boolean).map(
      (text) => h("p", { class: "v-warning" }, text));
  }

  function probability(list, row) {
    const p = list.columns.p_survey[row];
    if (list.blind) {
      return h("section", { class: "v-card v-probability" }, h("h3", {}, "Probabilities"),
        h("p", { class: "v-small" }, "Hidden for all: what the classifier says is not asked here."));
    }
    const name = `of class ${Words.className(list.rare)}`;
    return h("section", { class: "v-card v-probability" },
      h("h3", {}, `Probability of ${Words.className(list.rare)} in a survey`),
      h("p", { class: "v-big" }, Words.percent(p)),
      h("p", { class: "v-words" }, Words.probability(p, name)),
      bars(list, row));
  }

  /** Probability of each class by the classifier, the largest first, as bars. */
  function bars(list, row) {
    const all = list.classes.map((name) => ({ name, p: list.p[name]?.[row] }))
      .filter(({ p }) => !Words.missing(p)).sort((a, b) => b.p - a.p);
    if (!all.length) return h("p", { class: "v-words" }, "The spectrum was not classified.");
    const seen = all.filter(({ name, p }, k) => k < 3 || p >= 0.005 || name === list.rare);
    const rest = all.length - seen.length;
    return h("div", { class: "v-bars" },
      h("p", { class: "v-small" }, "By class, all as frequent as in training:"),
      seen.map(({ name, p }) => {
        const bar = h("span", { class: "v-bar" });
        bar.style.setProperty("--part", String(p));
        return h("div", { class: name === list.rare ? "v-row v-rare" : "v-row" },
          h("span", {}, Words.className(name)), h("span", { class: "v-track", "aria-hidden": "true" }, bar),
          h("span", { class: "v-figure" }, Words.percent(p)));
      }),
      rest ? h("p", { class: "v-small" }, `${rest} more below 0.5 %`) : null);
  }

  /** LAMOST's own class, and the velocity that its redshift is. */
  function ownClass({ survey_class: name, survey_subclass: sub, survey_z: z }) {
    const text = [name, sub].filter((part) => part && part !== "Non").join(" ");
    if (!text && Words.missing(z)) return null;
    if (Words.missing(z) || z < -9000) return text;
    const motion = Math.abs(z) < 0.01 ? `${Words.number(z * Numerics.C_KM_S, 0)} km/s` : `z ${Words.number(z, 4)}`;
    return [text, motion].filter(Boolean).join(", ");
  }

  function measured(list, row) {
    const it = rowOf(list, row);
    const pairs = [
      ["Subtype", list.rare === "O" && !list.blind ? Words.subtype(it.subtype, it.subtype_err) ?? "not measured" : null],
      ["Velocity", Words.measured(it.velocity, it.velocity_err, 0, "km/s")],
      ["S/N in g", Words.number(it.snr_g, 1, "not stated")],
      ["Evidence", Words.missing(it.evidence) ? null : `${Words.number(it.evidence, 1)} σ in the lines of ${Words.className(list.rare)}`],
      ["Novelty", list.blind ? null : Words.missing(it.novelty) ? "not known" : `${Words.novelty(it.novelty)} (${Words.number(it.novelty, 1)})`],
      ["LAMOST", list.blind ? null : ownClass(it)],
    ];
    return h("section", { class: "v-card" }, h("h3", {}, "Measured"), terms(pairs), flags(list, it.flags));
  }

  const terms = (pairs) => h("dl", { class: "v-terms" }, pairs.filter(([, value]) => value).map(
    ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

  function flags(list, bits) {
    // Bits above 31 are beyond what JavaScript's own operators hold.
    const on = list.flag_names.filter(({ bit }) => Math.floor(bits / bit) % 2 === 1);
    if (!on.length) return h("p", { class: "v-small" }, "No flags.");
    return h("ul", { class: "v-flags" }, on.map(({ name, text }) => h("li", { title: name }, text)));
  }

  function copied(label, text) {
    const said = h("span", { class: "v-said", role: "status" });
    const copy = Elements.button("copy", async () => {
      said.textContent = (await Elements.copy(text)) ? "copied" : "not allowed here";
      setTimeout(() => { said.textContent = ""; }, 1500);
    }, { class: "v-copy", "aria-label": `Copy ${label}` });
    return [h("span", { class: "v-mono" }, text), " ", copy, said];
  }

  function identity(list, row) {
    if (list.blind) {
      return h("section", { class: "v-card" }, h("h3", {}, "Identity"),
        h("p", { class: "v-small" }, "Hidden for all: some of the spectra in this list are known stars."));
    }
    const it = rowOf(list, row);
    const placed = !Words.missing(it.ra) && !Words.missing(it.dec);
    return h("section", { class: "v-card" }, h("h3", {}, "Identity"),
      terms([
        ["Position", placed ? copied("position in sixties", Words.sexagesimal(it.ra, it.dec)) : "not known"],
        ["in degrees", placed ? copied("position in degrees", Words.degrees(it.ra, it.dec)) : null],
        ["obsid", it.obsid && it.obsid !== "-1" ? copied("obsid", it.obsid) : "none"],
        ["Path", it.path ? h("span", { class: "v-path", dir: "auto" }, it.path) : null],
      ]),
      Links.element(it));
  }

  /** Table of all widths: as measured here, and as the catalogue has them. */
  function widths(scene, row) {
    const { list } = scene;
    const rows = list.lines.filter((line) => line.measured && line.window)
      .sort((a, b) => a.wavelength - b.wavelength).map((line) => {
        const here = Widths.measure(scene.spectrum, line, Closeups.velocityOf(scene, line));
        const known = Words.measured(list.ew[line.name]?.[row], list.ew_err[line.name]?.[row], 2);
        return h("tr", {}, h("th", { scope: "row" }, line.label),
          h("td", {}, Words.measured(here.width, here.error, 2)), h("td", {}, known));
      });
    return h("table", { class: "v-widths" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Line"), h("th", { scope: "col" }, "here"),
        h("th", { scope: "col" }, "catalogue"))),
      h("tbody", {}, rows));
  }

  return { heading, identity, measured, probability, rowOf, warnings, widths };
})();

"use strict";

/**
 * What this list is and how it was made.
 */
const About = {
  show(list) {
    const facts = [
      ["Rows", String(list.rows)],
      ["Chosen", list.chosen],
      ["Source", list.source],
      ["Preset", list.preset && list.preset.name],
      ["Threshold", list.threshold === null || list.threshold === undefined ? "" : String(list.threshold)],
      ["Made", list.made && `${list.made.by}, ${list.made.at}`],
      ["List", list.digest.slice(0, 16)],
    ];
    const rows = facts
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [Elements.h("dt", {}, name), Elements.h("dd", { dir: "auto" }, value)]);
    Page.fill(Page.get("about-list"), ...rows);
    const notes = list.notes || [];
    Page.get("notes").hidden = notes.length === 0;
    Page.fill(Page.get("notes"), ...notes.map((note) => Elements.h("li", { dir: "auto" }, note)));
  },
};

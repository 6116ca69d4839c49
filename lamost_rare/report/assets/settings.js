"use strict";

/**
 * What a person set on the page, kept in this browser. Where nothing can be kept it holds until the page is closed.
 */
const Settings = {
  held: new Map(),

  /** @returns {*} the value kept under a name, or `otherwise`. */
  get(name, otherwise) {
    if (Settings.held.has(name)) return Settings.held.get(name);
    try {
      const text = localStorage.getItem(`lamost-rare/setting/${name}`);
      return text === null ? otherwise : JSON.parse(text);
    } catch {
      return otherwise;
    }
  },

  set(name, value) {
    Settings.held.set(name, value);
    try {
      localStorage.setItem(`lamost-rare/setting/${name}`, JSON.stringify(value));
    } catch {
      // A full or forbidden store: the value holds for this visit.
    }
  },

  /** Tie a check box to a setting. */
  check(id, name, otherwise, changed = () => {}) {
    const box = Page.get(id);
    box.checked = Settings.get(name, otherwise) === true;
    box.addEventListener("change", () => {
      Settings.set(name, box.checked);
      changed(box.checked);
    });
    return box;
  },
};

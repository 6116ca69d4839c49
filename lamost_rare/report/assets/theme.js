"use strict";

/**
 * Light or dark: as the system has it, or as chosen.
 */
const Theme = {
  ALL: ["", "light", "dark"],

  start() {
    Theme.apply(Settings.get("theme", ""));
  },

  apply(theme) {
    if (Theme.ALL.includes(theme) && theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    document.dispatchEvent(new Event("themechange"));
  },

  /** From what the system has to light, to dark, and back. */
  next() {
    const theme = Theme.ALL[(Theme.ALL.indexOf(Settings.get("theme", "")) + 1) % Theme.ALL.length];
    Settings.set("theme", theme);
    Theme.apply(theme);
    Status.say(`Colours: ${theme || "as the system has them"}.`);
  },
};

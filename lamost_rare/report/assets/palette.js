"use strict";

/** Inks of the plots, read from the CSS variables --plot-*, so that they follow the theme. */
const Palette = (() => {
  const NAMES = ["paper", "ink", "muted", "frame", "grid", "flux", "faint", "error", "masked", "join",
    "standard", "visit", "window", "band", "he-ii", "he-i", "h", "metal", "nebular", "interstellar", "sky"];
  const DASHES = {
    "He II": [], "He I": [7, 3], H: [2, 2], metal: [9, 3, 2, 3], nebular: [1, 3], interstellar: [12, 4], sky: [3, 6],
  };
  let current = null;
  let letters = 0;

  function read(element) {
    const style = getComputedStyle(element);
    return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--plot-${name}`).trim()]));
  }

  /** Inks of the theme that is on. */
  function inks() {
    current ??= read(document.documentElement);
    return current;
  }

  /** Inks on white paper, whatever the theme. */
  function printed() {
    const probe = document.createElement("div");
    probe.className = "plot-printed";
    document.body.append(probe);
    const found = read(probe);
    probe.remove();
    return found;
  }

  /** Ink and dashes of a set of lines: told apart without colour too. */
  function ofSet(name, from = inks()) {
    const slug = name.toLowerCase().replaceAll(" ", "-");
    return { ink: from[slug] ?? from.muted, dash: DASHES[name] ?? [4, 4] };
  }

  /** Find out how large the reader's letters are; to ask at each text would take most of the time of drawing. */
  function measure() {
    letters = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
  }

  /** Size of a text of `px` pixels for readers who chose larger letters. */
  function scaled(px) {
    if (!letters) measure();
    return px * letters;
  }

  /** Call `redraw` when the theme changes, by the page's button or by the system. */
  function onchange(redraw) {
    const forget = () => {
      current = null;
      redraw();
    };
    document.addEventListener("themechange", forget);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
  }

  return { inks, measure, ofSet, onchange, printed, scaled };
})();

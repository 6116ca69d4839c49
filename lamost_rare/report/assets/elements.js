"use strict";

/** Elements by code: texts go in as text, never as markup. */
const Elements = (() => {
  /** Make an element with attributes; `on` holds listeners. Lists of children are taken apart, null and false left out. */
  function h(tag, options = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (name === "on") Object.entries(value).forEach(([type, run]) => element.addEventListener(type, run));
      else if (value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }

  /** Button that runs something. */
  function button(label, run, options = {}) {
    return h("button", { type: "button", ...options, on: { click: run } }, label);
  }

  /** Say whether a button that can be pressed in is. */
  function press(element, on) {
    element.setAttribute("aria-pressed", on ? "true" : "false");
  }

  /** Put text to the clipboard; also where pages have no access to it, as in some frames. */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = h("textarea", { "aria-hidden": "true", class: "copied-from" }, text);
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  return { button, copy, h, press };
})();

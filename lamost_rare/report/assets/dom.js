"use strict";

/**
 * Short forms for building the page. Text of files and people goes through `textContent` alone, so that it can hold anything.
 */
const Dom = {
  /** Find an element of the skeleton. */
  get(id) {
    return document.getElementById(id);
  },

  /**
   * Make an element.
   * @param {string} tag
   * @param {object} [properties] `text`, `class`, `data` (object), `on` (listeners by event); others are attributes;
   *   false, null and undefined leave an attribute out.
   * @param {...(Node|string)} children
   */
  make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name === "text") element.textContent = value;
      else if (name === "class") element.className = value;
      else if (name === "data") Object.assign(element.dataset, value);
      else if (name === "on") for (const [event, run] of Object.entries(value)) element.addEventListener(event, run);
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  },

  /** Listen, for elements of the skeleton. */
  on(id, event, run) {
    Dom.get(id).addEventListener(event, run);
  },

  /** Replace what an element holds. */
  fill(element, ...children) {
    element.replaceChildren(...children);
    return element;
  },

  /** Open a dialog, once: a second call, as by a key held down, does nothing. */
  openDialog(id) {
    const dialog = Dom.get(id);
    if (!document.querySelector("dialog[open]")) dialog.showModal();
    return dialog;
  },

  closeDialog(id) {
    Dom.get(id).close();
  },

  /** Make the buttons work that close dialogs, and keep forms on the page. */
  prepareDialogs() {
    for (const dialog of document.querySelectorAll("dialog")) {
      for (const button of dialog.querySelectorAll("button.close")) button.addEventListener("click", () => dialog.close());
      for (const form of dialog.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
    }
  },

  /** Round for people: a number, or a dash where there is none. */
  number(value, digits) {
    return typeof value === "number" && Number.isFinite(value) ? value.toFixed(digits) : "–";
  },

  /** Write a probability with enough digits to see small ones. */
  probability(value) {
    if (typeof value !== "number" || !Number.isFinite(value)) return "–";
    return value !== 0 && value < 0.001 ? value.toExponential(0) : value.toFixed(3);
  },
};

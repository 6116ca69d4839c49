"use strict";

/**
 * The page's one handler of keys. Actions are registered by what they do; the list of keys is made from them.
 * An action is `{key, label, group, run}`: `key` is a name, or several, as the browser gives them ("o", "E", "ArrowLeft"),
 * with "Ctrl+" or "Alt+" before it, and with "Shift+" before names of several letters. Further:
 * `when` says whether it holds now, `once` ignores a key that is held down.
 */
const Keys = {
  actions: [],
  byKey: new Map(),
  NAMES: {
    " ": "Space",
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Escape: "Esc",
    PageUp: "Page Up",
    PageDown: "Page Down",
  },

  /** Register actions. Of two with one key, of which both hold, the one registered first has it. */
  register(actions) {
    for (const action of actions) {
      const names = [].concat(action.key).filter(Boolean);
      const free = names.filter(
        (name) => action.when || !(Keys.byKey.get(name) || []).some((other) => !other.when),
      );
      Keys.actions.push({ ...action, keys: free });
      for (const name of free) Keys.byKey.set(name, [...(Keys.byKey.get(name) || []), action]);
    }
  },

  start() {
    document.addEventListener("keydown", Keys.handle);
    // After a click the keyboard belongs to the page again: Space would press the same button once more.
    document.addEventListener("click", (event) => {
      const pressed = event.target.closest && event.target.closest("button, summary, input[type=checkbox]");
      if (pressed && event.detail > 0 && !pressed.closest("dialog")) pressed.blur();
    });
  },

  /** Name the key of an event as actions name it. */
  nameOf(event) {
    let name = event.key;
    const letter = /^Key([A-Z])$/.exec(event.code || "");
    const digit = /^Digit([0-9])$/.exec(event.code || "");
    // A keyboard of another script: the place of the key counts.
    const foreign = name.length === 1 && name.charCodeAt(0) > 127;
    if (foreign) name = letter ? letter[1] : digit && !event.shiftKey ? digit[1] : name;
    // With Caps Lock on, letters are what they would be without.
    if (/^[a-z]$/i.test(name) && (foreign || event.getModifierState("CapsLock")))
      name = event.shiftKey ? name.toUpperCase() : name.toLowerCase();
    const third = event.getModifierState("AltGraph");
    const before = third
      ? ""
      : (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "");
    return before + (event.shiftKey && (name.length > 1 || name === " ") ? "Shift+" : "") + name;
  },

  /** Tell whether what has the focus needs the key itself. */
  isTaken(event) {
    const at = event.target;
    if (!(at instanceof Element)) return false;
    if (document.querySelector("dialog[open]")) return true;
    // A dialog that was just closed may have the focus for a moment.
    if (at.closest("dialog")) return false;
    if (at.closest("textarea, select, [contenteditable]")) return true;
    const input = at.closest("input");
    if (input && !["checkbox", "radio", "range", "button"].includes(input.type)) return true;
    if (input && input.type === "range") return /^(Arrow|Page|Home|End)/.test(event.key);
    return Boolean(at.closest("button, a, summary, input")) && ["Enter", " "].includes(event.key);
  },

  handle(event) {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229 || Keys.isTaken(event)) return;
    const action = (Keys.byKey.get(Keys.nameOf(event)) || []).find((one) => !one.when || one.when());
    if (!action) return;
    event.preventDefault();
    if (!(event.repeat && action.once)) action.run(event);
  },

  /** Write a key for people. */
  inWords(name) {
    const parts = name === "+" ? ["+"] : name.split(/\+(?=.)/);
    return parts
      .map(
        (part) => Keys.NAMES[part] || (/^[A-Z]$/.test(part) && parts.length === 1 ? `Shift ${part}` : part),
      )
      .join(" ");
  },

  /** Fill the list of all keys, by group. */
  fillList(element) {
    const groups = new Map();
    for (const action of Keys.actions)
      groups.set(action.group, [...(groups.get(action.group) || []), action]);
    const parts = [...groups].map(([group, actions]) => {
      const rows = actions.flatMap((action) => [
        Elements.h("dt", {}, ...action.keys.map((name) => Elements.h("kbd", {}, Keys.inWords(name)))),
        Elements.h("dd", {}, action.label),
      ]);
      return Elements.h("section", {}, Elements.h("h3", {}, group), Elements.h("dl", {}, ...rows));
    });
    Page.fill(element, ...parts);
  },
};

"use strict";

/**
 * Elements of the page's skeleton, and its dialogs.
 */
const Page = {
  /** Find an element of the skeleton. */
  get(id) {
    return document.getElementById(id);
  },

  /** Listen, for elements of the skeleton. */
  on(id, event, run) {
    Page.get(id).addEventListener(event, run);
  },

  /** Replace what an element holds. */
  fill(element, ...children) {
    element.replaceChildren(...children);
    return element;
  },

  /** Count things: "1 verdict", "2 verdicts". */
  count(n, thing) {
    return `${n} ${thing}${n === 1 ? "" : "s"}`;
  },

  /** Open a dialog, once: a second call, as by a key held down, does nothing. */
  openDialog(id) {
    const dialog = Page.get(id);
    if (!document.querySelector("dialog[open]")) dialog.showModal();
    return dialog;
  },

  closeDialog(id) {
    Page.get(id).close();
  },

  /** Make the buttons work that close dialogs, and keep forms on the page. */
  prepareDialogs() {
    for (const dialog of document.querySelectorAll("dialog")) {
      for (const button of dialog.querySelectorAll("button.close"))
        button.addEventListener("click", () => dialog.close());
      for (const form of dialog.querySelectorAll("form"))
        form.addEventListener("submit", (event) => event.preventDefault());
    }
  },
};

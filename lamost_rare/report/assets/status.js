"use strict";

/**
 * What the page says: of each action, of what is kept, of what is wrong.
 */
const Status = {
  /** Say what was done; readers of screens say it aloud. */
  say(text) {
    Page.get("status").textContent = text;
  },

  /** Say that the page does not work, in place of it. */
  wrong(text) {
    Page.get("wrong").textContent = text;
    Page.get("wrong").hidden = false;
    document.body.classList.add("broken");
  },

  /** Say how things stand with the server. */
  server(text, bad) {
    Page.get("server").textContent = text;
    Page.get("server").classList.toggle("bad", bad);
  },

  /** Say whether verdicts are kept, and warn where they are not. */
  saved() {
    const lost = VerdictLog.endangered().length;
    Page.get("warning").hidden = lost === 0;
    Page.get("warning").textContent =
      `${Page.count(lost, "verdict")} could not be stored: ${VerdictLog.reason}. What is in this window alone is lost with it: export it now (X).`;
    const mine = VerdictLog.latestOf(Person.name).filter((event) => !VerdictLog.isEmpty(event)).length;
    const state = lost ? "failed" : VerdictLog.saved() ? "saved" : VerdictLog.reason ? "small" : "saving";
    const words = {
      failed: "not saved",
      saved: "saved",
      small: `in the browser's small store alone (${VerdictLog.reason})`,
      saving: "saving",
    };
    const missing = App.list.served ? 0 : Exporting.missing();
    Page.get("saved").dataset.state = state;
    Page.get("saved").textContent =
      mine || lost
        ? `${Page.count(mine, "verdict")}, ${words[state]}${missing ? `; ${missing} not exported` : ""}`
        : "";
  },
};

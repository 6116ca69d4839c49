"use strict";

/**
 * How far one has come, and whether all of it is kept.
 */
const Progress = {
  /** Count one's verdicts. */
  count() {
    const counts = new Map(App.list.verdict_classes.map((one) => [one.name, 0]));
    let decided = 0;
    for (const { class: name } of VerdictLog.latestOf(Person.name)) {
      if (name === "") continue;
      decided += 1;
      counts.set(name, (counts.get(name) || 0) + 1);
    }
    return { decided, counts };
  },

  show() {
    const { decided, counts } = Progress.count();
    const bar = Page.get("progress-bar");
    bar.max = Math.max(1, App.list.rows);
    bar.value = decided;
    Page.get("progress-text").textContent = `${decided} of ${App.list.rows} decided`;
    const by = [...counts].filter(([, n]) => n).map(([name, n]) => `${name} ${n}`).join(", ");
    Page.get("progress-classes").textContent = by;
  },

  /** Say whether the verdicts are kept. @param {number} bad how many are not */
  saved(bad) {
    const mine = VerdictLog.latestOf(Person.name).filter((event) => !VerdictLog.isEmpty(event)).length;
    const element = Page.get("saved");
    const state = bad ? "failed" : VerdictLog.saved() ? "saved" : VerdictLog.reason ? "small" : "saving";
    const words = { failed: "not saved", saved: "saved", small: `in the browser's small store alone (${VerdictLog.reason})`, saving: "saving" };
    element.dataset.state = state;
    const missing = App.list.served ? 0 : Exporting.missing();
    element.textContent = mine || bad ? `${mine} verdicts, ${words[state]}${missing ? `; ${missing} not exported` : ""}` : "";
  },
};

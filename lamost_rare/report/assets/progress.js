"use strict";

/**
 * How far one has come.
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
    const by = [...counts]
      .filter(([, n]) => n)
      .map(([name, n]) => `${Words.className(name)} ${n}`)
      .join(", ");
    Page.get("progress-classes").textContent = by;
  },
};

"use strict";

/**
 * Verdicts as files to pass on: CSV for spreadsheets, JSON for this page and `lamost-rare verdicts`.
 */
const Exporting = {
  COLUMNS: [
    "list",
    "key",
    "obsid",
    "name",
    "path",
    "ra",
    "dec",
    "class",
    "quality",
    "flags",
    "comment",
    "by",
    "at",
  ],

  start(list) {
    Exporting.list = list;
    Page.on("export-csv", "click", () => Exporting.save("csv"));
    Page.on("export-json", "click", () => Exporting.save("json"));
    Page.on("export-others", "change", () => Exporting.count());
  },

  open() {
    Exporting.count();
    Page.openDialog("export-dialog");
    Page.get("export-csv").focus();
  },

  /**
   * Collect the latest verdict of each person on each candidate, in the order of the list.
   * @param {boolean} others with those of other people
   */
  events(others) {
    const events = Exporting.list.columns.key.flatMap((key) =>
      VerdictLog.of(key).sort((a, b) => (a.by < b.by ? -1 : 1)),
    );
    return others ? events : events.filter((event) => event.by === Person.name);
  },

  count() {
    const events = Exporting.events(Page.get("export-others").checked).filter(
      (event) => !VerdictLog.isEmpty(event),
    );
    Page.get("export-count").textContent =
      `${Page.count(events.length, "verdict")}${Person.name ? ` of ${Person.name}` : ""}${Page.get("export-others").checked ? " and others" : ""}.`;
  },

  /** Write CSV. A verdict that was taken back is no line. */
  csv(events) {
    const { key: keys, path } = Exporting.list.columns;
    const paths = new Map(keys.map((key, row) => [key, path[row]]));
    const rows = events
      .filter((event) => !VerdictLog.isEmpty(event))
      .map((event) => {
        const cells = { ...event, path: paths.get(event.key), flags: event.flags.join(";") };
        return Exporting.COLUMNS.map((name) => cells[name]);
      });
    return Csv.write(Exporting.COLUMNS, rows);
  },

  /** Write JSON, which also says what was taken back. */
  json(events) {
    const made = { by: Exporting.list.made.by, at: new Date().toISOString() };
    return `${JSON.stringify({ format: 1, kind: "lamost-rare verdicts", list: Exporting.list.digest, made, verdicts: events }, null, 1)}\n`;
  },

  fileName(kind) {
    const person = Person.name
      .replace(/[^\p{L}\p{M}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 40);
    return ["verdicts", Exporting.list.digest.slice(0, 8), person].filter(Boolean).join("-") + `.${kind}`;
  },

  save(kind) {
    const events = Exporting.events(Page.get("export-others").checked);
    const type = kind === "csv" ? "text/csv;charset=utf-8" : "application/json";
    const address = URL.createObjectURL(
      new Blob([kind === "csv" ? Exporting.csv(events) : Exporting.json(events)], { type }),
    );
    const link = Elements.h("a", { href: address, download: Exporting.fileName(kind) });
    link.click();
    // The browser reads the file after this call; a minute is enough for that.
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    Settings.set(Exporting.setting(), Exporting.newest());
    Page.closeDialog("export-dialog");
    Status.say(
      `${Page.count(events.filter((event) => !VerdictLog.isEmpty(event)).length, "verdict")} exported as ${Exporting.fileName(kind)}.`,
    );
    Status.saved();
  },

  setting() {
    return `exported/${Exporting.list.digest}/${Person.name}`;
  },

  newest() {
    return VerdictLog.latestOf(Person.name).reduce(
      (newest, event) => (event.at > newest ? event.at : newest),
      "",
    );
  },

  /** @returns {number} how many of one's verdicts changed since they were exported. */
  missing() {
    const since = Settings.get(Exporting.setting(), "");
    return VerdictLog.latestOf(Person.name).filter(
      (event) => event.at > since && !(since === "" && VerdictLog.isEmpty(event)),
    ).length;
  },
};

"use strict";

/**
 * Verdicts of files that a page of this list exported. Nothing that is here is lost: of two verdicts of one person on one
 * candidate the later holds.
 */
const Importing = {
  start(list) {
    Importing.list = list;
    Page.on("import-file", "change", (event) => Importing.take(event.target.files[0]));
  },

  open() {
    Page.get("import-said").textContent = "";
    Page.get("import-file").value = "";
    Page.openDialog("import-dialog");
    Page.get("import-file").focus();
  },

  async take(file) {
    if (!file) return;
    let said;
    try {
      said = await Importing.merge(await file.text());
    } catch (error) {
      said = `${file.name} was not taken: ${error.message}.`;
    }
    Page.get("import-said").textContent = said;
    Status.say(said);
  },

  /** Add a file's verdicts; returns what was done, in words. */
  async merge(text) {
    const clean = text.replace(/^\ufeff/, "");
    if (clean.trim() === "") throw new Error("it is empty");
    if (clean.includes("\u0000") || /^\s*</.test(clean))
      throw new Error("it is no file of verdicts; export CSV or JSON on a page");
    const found = /^\s*[[{]/.test(clean) ? Importing.ofJson(clean) : Importing.ofCsv(clean);
    const here = found.filter((event) => VerdictLog.proper(event));
    const known = Importing.knownHere();
    const fresh = here.filter((event) => !known(event));
    await VerdictLog.add(...fresh);
    Undoing.seed(Person.name);
    App.refresh();
    const people = [...new Set(fresh.map((event) => event.by))];
    const parts = [`${Page.count(fresh.length, "verdict")} taken${people.length ? ` (${people.join(", ")})` : ""}`];
    if (here.length > fresh.length) parts.push(`${here.length - fresh.length} were here already`);
    if (found.length > here.length)
      parts.push(
        `${found.length - here.length} left out, as they are not on candidates of this list or have no time`,
      );
    return `${parts.join("; ")}.`;
  },

  /** Make the test whether an event is here: by its number, or, where a table left that out, by who and when. */
  knownHere() {
    const name = (event) => JSON.stringify([event.key, event.by, Date.parse(event.at)]);
    const names = new Set(VerdictLog.all().map(name));
    return (event) => VerdictLog.events.has(event.id) || names.has(name(event));
  },

  ofJson(text) {
    const value = Importing.parsed(text);
    const one = value.key ? [value] : value.verdicts;
    const events = Array.isArray(value) ? value : one;
    if (!Array.isArray(events)) throw new Error("it holds no verdicts");
    if (!Array.isArray(value)) Importing.checkList(value.list);
    events.forEach((event) => Importing.checkList(event && event.list));
    return events;
  },

  /** Read JSON, or the file of a server: one event a line, of which the last may be half-written. */
  parsed(text) {
    try {
      return JSON.parse(text);
    } catch {
      const lines = text.split("\n").filter((line) => line.trim() !== "");
      const events = lines.map((line) => {
        try {
          return JSON.parse(line);
        } catch {
          return null;
        }
      });
      if (events[0] && events[0].key) return events;
      throw new Error("it is damaged or cut off (no complete JSON)");
    }
  },

  ofCsv(text) {
    const { names, rows } = Csv.read(text);
    for (const name of ["key", "class", "by", "at"])
      if (!names.includes(name)) throw new Error(`it has no column “${name}”`);
    return rows.map(({ line, cells }) => {
      if (names.includes("list")) Importing.checkList(cells.list);
      if (Number.isNaN(Date.parse(cells.at)))
        throw new Error(
          `the time “${cells.at}” of line ${line} cannot be read; take the file as it was exported`,
        );
      const number = (value) => (value ? Filtering.number(value) : null);
      return {
        ...cells,
        list: Importing.list.digest,
        ra: number(cells.ra),
        dec: number(cells.dec),
        flags: (cells.flags || "").split(";").filter(Boolean),
        by: Person.clean(cells.by),
        at: new Date(cells.at).toISOString(),
        id: `csv ${cells.key} ${cells.at} ${cells.by}`,
      };
    });
  },

  checkList(digest) {
    if ((digest ?? "") !== "" && digest !== Importing.list.digest) {
      throw new Error(
        `its verdicts are on another list (${String(digest).slice(0, 8)}…, this page is ${Importing.list.digest.slice(0, 8)}…)`,
      );
    }
  },
};

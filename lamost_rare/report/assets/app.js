"use strict";

/**
 * The page as a whole: which candidates, which one is seen, and how one goes from one to the next.
 */
const App = {
  list: null,
  order: [],
  at: 0,
  shown: -1,
  filter: { ...Filtering.EMPTY },
  sort: { by: "list", reverse: false },
  moves: 0,

  /** Draw the first spectrum as soon as it is there; all else is made ready meanwhile. */
  async boot() {
    Page.prepareDialogs();
    Theme.start();
    if (!Unpack.supported()) return Status.wrong(Unpack.unsupported());
    try {
      App.list = await Unpack.list();
    } catch {
      return Status.wrong(
        "This page is damaged: what it lists cannot be read. Perhaps it was not copied whole.",
      );
    }
    const list = App.list;
    const opened = VerdictLog.open(list).catch((error) => {
      VerdictLog.reason = error.message;
    });
    App.build(list);
    const kept = Settings.get(`view/${list.digest}`, null);
    if (kept)
      Object.assign(App, {
        filter: { ...Filtering.EMPTY, ...kept.filter },
        sort: { ...App.sort, ...kept.sort },
      });
    // What is kept of a filter may ask for verdicts; a database that does not answer must not keep the page from opening.
    if (kept)
      await Promise.race([
        opened,
        new Promise((resolve) => {
          setTimeout(resolve, 1500);
        }),
      ]);
    const from = App.ofHash();
    App.order = App.rows(from ?? 0);
    App.refresh();
    if (from !== null) App.toRow(from, false);
    await App.show();
    performance.mark("first-spectrum");
    document.documentElement.dataset.ready = "1";
    await opened;
    App.loaded();
    return undefined;
  },

  build(list) {
    Page.get("title").textContent = list.title;
    Person.start(() => App.personChanged());
    Deciding.start(list);
    FilterForm.start(list);
    Table.start(list);
    Exporting.start(list);
    Importing.start(list);
    Printing.start();
    View.init(list, Page.get("candidate"));
    Keys.register([...Deciding.actions(), ...Actions.list(), ...View.actions]);
    Keys.start();
    Actions.wire();
    About.show(list);
    VerdictLog.watch(() => App.refresh());
    window.addEventListener("hashchange", () => {
      const row = App.ofHash();
      if (row !== null && row !== App.row()) App.toRow(row);
    });
    Sync.start(list, Status.server);
  },

  loaded() {
    Undoing.seed(Person.name);
    document.documentElement.dataset.verdicts = "1";
    App.refresh();
  },

  personChanged() {
    Undoing.seed(Person.name);
    Status.say(`Verdicts are now those of ${Person.name}.`);
    App.refresh();
  },

  // ----- which candidates, in which order

  rows(here) {
    return Order.rows(App.list, App.filter, App.sort, Person.name, here);
  },

  /** Filter and sort anew; the candidate that is seen stays, if it is among them. */
  arrange(filter, sort) {
    const row = App.row();
    Object.assign(App, { filter, sort });
    Settings.set(`view/${App.list.digest}`, { filter, sort });
    App.order = App.rows(row ?? 0);
    const at = App.order.indexOf(row);
    // Nearness and what is undecided are looked for from the start of the list.
    App.at = at < 0 || ["near", "undecided"].includes(sort.by) ? 0 : at;
    Status.say(
      `${App.order.length} of ${App.list.rows} candidates, ${Order.KINDS[sort.by]}${sort.reverse ? " in reverse" : ""}.`,
    );
    if (Table.isOpen) Table.draw(true);
    App.moved();
  },

  sortBy(by) {
    App.arrange(App.filter, { by, reverse: App.sort.by === by ? !App.sort.reverse : false });
  },

  // ----- which one is seen

  row() {
    return App.order[App.at];
  },

  go(at) {
    if (at < 0 || at >= App.order.length) {
      Status.say(at < 0 ? "This is the first." : `This is the last. ${App.undecided()} are undecided.`);
      return;
    }
    if (at === App.at) return;
    App.at = at;
    App.moved();
  },

  next() {
    App.go(App.at + 1);
  },

  previous() {
    App.go(App.at - 1);
  },

  advance() {
    App.next();
  },

  /** Go to a row, which need not be among those that the filter shows. */
  toRow(row, move = true) {
    if (row === undefined) return;
    let at = App.order.indexOf(row);
    if (at < 0) {
      at = Math.min(App.at + 1, App.order.length);
      App.order.splice(at, 0, row);
      if (Table.isOpen) Table.draw(true);
    }
    if (!move) App.at = at;
    else if (at !== App.at || App.shown !== row) {
      App.at = at;
      App.moved();
    }
  },

  isDecided(row) {
    return Boolean(VerdictLog.latest(App.list.columns.key[row], Person.name)?.class);
  },

  undecided() {
    return App.order.filter((row) => !App.isDecided(row)).length;
  },

  /** Go to the next undecided one, from a place on and round to the start. */
  nextUndecided(from = App.at + 1) {
    const n = App.order.length;
    for (let i = 0; i < n; i += 1) {
      const at = (from + i) % n;
      if (!App.isDecided(App.order[at])) return App.go(at);
    }
    return Status.say("All of these are decided.");
  },

  /** Row that the address names: `#7` the seventh of the list, `#key` by its key; null where there is none. */
  ofHash() {
    const text = decodeURIComponent(location.hash.slice(1));
    if (/^\d{1,9}$/.test(text))
      return Number(text) >= 1 && Number(text) <= App.list.rows ? Number(text) - 1 : null;
    return VerdictLog.rowOf(text) ?? null;
  },

  moved() {
    Deciding.endComment();
    App.showPlace();
    const row = App.row();
    if (row === undefined) return;
    App.putIntoAddress(row);
    // On narrow screens the panel is scrolled by itself; it begins with the classes.
    Page.get("deciding").scrollTop = 0;
    if (Table.isOpen) Table.reveal();
    else App.show();
  },

  /** Put the candidate into the address; not too often, as browsers allow no more than some changes a second. */
  putIntoAddress(row) {
    clearTimeout(App.waiting);
    const put = () => {
      App.putAt = performance.now();
      history.replaceState(null, "", `#${App.list.columns.key[row]}`);
    };
    const wait = (App.putAt ?? -1000) + 400 - performance.now();
    if (wait <= 0) put();
    else App.waiting = setTimeout(put, wait);
  },

  /** Show the candidate; of several in quick succession the last one counts. */
  async show() {
    const row = App.row();
    const move = (App.moves += 1);
    const begin = performance.now();
    if (row === undefined) return;
    App.showing = View.show(row).catch((error) => {
      if (move === App.moves) Status.say(error.message);
    });
    await App.showing;
    if (move !== App.moves) return;
    App.shown = row;
    if (document.documentElement.dataset.ready) performance.measure("next-spectrum", { start: begin });
    for (const near of [App.order[App.at + 1], App.order[App.at - 1]])
      if (near !== undefined) View.prefetch(near);
  },

  /** Wait until the candidate can be seen: nobody decides on what is not drawn. False if another one is chosen meanwhile. */
  async seen(row) {
    while (!Table.isOpen && App.shown !== row && App.row() === row) {
      await App.showing;
      if (App.shown !== row)
        await new Promise((resolve) => {
          setTimeout(resolve, 5);
        });
    }
    return App.row() === row;
  },

  table(open = !Table.isOpen) {
    Table.open(open);
    if (!open && App.shown !== App.row()) App.show();
    if (!open) document.activeElement?.blur();
  },

  // ----- what is said

  /** Show all that follows from the verdicts. */
  refresh() {
    Progress.show();
    Table.update();
    Status.saved();
    App.showPlace();
  },

  /** Show all that follows from which candidate is chosen. */
  showPlace() {
    const n = App.order.length;
    const row = App.row();
    Page.get("position").textContent = n ? `${App.at + 1} of ${n}` : "none";
    document.title =
      row === undefined
        ? App.list.title
        : `${App.at + 1}/${n} ${Order.nameOf(App.list, row)} · ${App.list.title}`;
    const order = App.sort.by === "list" ? "" : Order.KINDS[App.sort.by];
    Page.get("chosen").textContent = [Filtering.inWords(App.list, App.filter), order]
      .filter(Boolean)
      .join("; ");
    Page.get("empty").hidden = n > 0;
    Page.get("empty").textContent = App.list.rows
      ? "No candidate is like that. F changes the filter."
      : "There are no candidates in this list.";
    Deciding.update();
    Table.mark();
  },
};

window.addEventListener("error", (event) => {
  // Browsers report a delayed notification about sizes as an error; it is none.
  if (!/ResizeObserver loop/.test(event.message))
    Status.wrong(`Something is wrong in this page: ${event.message}`);
});
window.addEventListener("unhandledrejection", (event) =>
  Status.wrong(`Something is wrong in this page: ${event.reason && event.reason.message}`),
);
App.boot();

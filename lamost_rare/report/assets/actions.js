"use strict";

/**
 * What can be done on the page besides deciding and looking: by keys and by buttons.
 */
const Actions = {
  /** @returns {object[]} actions for Keys. */
  list() {
    const table = () => Table.isOpen;
    const page = () => !Table.isOpen;
    const action = (group, key, label, run, more = {}) => ({ group, key, label, run, ...more });
    return [
      action("Moving", ["ArrowRight", " ", "j"], "next", () => App.next()),
      action("Moving", ["ArrowLeft", "Shift+ ", "k"], "previous", () => App.previous()),
      action("Moving", "Enter", "next undecided", () => App.nextUndecided(), { when: page, once: true }),
      action("Moving", "U", "first undecided", () => App.nextUndecided(0), { once: true }),
      action("Moving", "Home", "first", () => App.go(0)),
      action("Moving", "End", "last", () => App.go(App.order.length - 1)),
      action("Moving", "PageDown", "ten on", () => App.go(Math.min(App.at + 10, App.order.length - 1)), {
        when: page,
      }),
      action("Moving", "PageUp", "ten back", () => App.go(Math.max(App.at - 10, 0)), { when: page }),
      action("Moving", ["J", "#"], "jump to a number or name", () => Jumping.open(), { once: true }),
      action("Table", "T", "table of all, and back", () => App.table(), { once: true }),
      action("Table", "ArrowDown", "row below", () => App.next(), { when: table }),
      action("Table", "ArrowUp", "row above", () => App.previous(), { when: table }),
      action(
        "Table",
        "PageDown",
        "a page on",
        () => App.go(Math.min(App.at + Table.page(), App.order.length - 1)),
        { when: table },
      ),
      action("Table", "PageUp", "a page back", () => App.go(Math.max(App.at - Table.page(), 0)), {
        when: table,
      }),
      action("Table", ["Enter", "Escape"], "look at the chosen one", () => App.table(false), {
        when: table,
        once: true,
      }),
      action("List", ["F", "/", "S"], "filter and sort", () => FilterForm.open(), { once: true }),
      action(
        "List",
        "R",
        "filter and sort again, with the verdicts of now",
        () => App.arrange(App.filter, App.sort),
        { once: true },
      ),
      action("Files", "X", "export verdicts", () => Exporting.open(), { once: true }),
      action("Files", "I", "import verdicts", () => Importing.open(), { once: true }),
      action("Files", ["P", "Ctrl+p"], "print, four to a page", () => Printing.open(), { once: true }),
      action("Page", "N", "name of the person who decides", () => Person.ask(), { once: true }),
      action("Page", "D", "light, dark, or as the system has it", () => Theme.next(), { once: true }),
      action("Page", "?", "this list", () => Actions.keys(), { once: true }),
    ];
  },

  /** Make the buttons do the same. */
  wire() {
    const buttons = {
      next: () => App.next(),
      previous: () => App.previous(),
      theme: () => Theme.next(),
      "open-table": () => App.table(),
      "open-filter": () => FilterForm.open(),
      "open-jump": () => Jumping.open(),
      "open-export": () => Exporting.open(),
      "open-import": () => Importing.open(),
      "open-print": () => Printing.open(),
      "open-person": () => Person.ask(),
      "open-keys": () => Actions.keys(),
    };
    for (const [id, run] of Object.entries(buttons)) Page.on(id, "click", run);
    const names = {
      next: "ArrowRight",
      previous: "ArrowLeft",
      theme: "D",
      "open-table": "T",
      "open-filter": "F",
      "open-jump": "J",
      "open-export": "X",
      "open-import": "I",
      "open-print": "P",
      "open-person": "N",
      "open-keys": "?",
      undo: "Ctrl+z",
      redo: "Ctrl+y",
      clear: "Delete",
    };
    for (const [id, name] of Object.entries(names)) Page.get(id).title = `Key: ${Keys.inWords(name)}`;
    Jumping.start();
  },

  keys() {
    Keys.fillList(Page.get("keys-list"));
    Page.openDialog("keys-dialog").scrollTop = 0;
    // Its arrow keys scroll then.
    Page.get("keys-list").focus({ preventScroll: true });
  },
};

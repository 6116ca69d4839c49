"use strict";

/**
 * Who decides. Asked once, kept in this browser, changed at will: each name has its own verdicts.
 */
const Person = {
  name: "",
  asking: null,
  changed: () => {},

  start(changed) {
    Person.changed = changed;
    Person.name = Person.clean(Settings.get("person", ""));
    Page.on("person-form", "submit", () => Person.keep(Page.get("person").value));
    Page.on("person-dialog", "close", () => Person.answered());
  },

  /** Bring a name into one form, whatever keyboard or blanks it was typed with. */
  clean(text) {
    return text.normalize("NFC").split(/\s+/).filter(Boolean).join(" ");
  },

  /** @returns {Promise<string>} the name, asked for if there is none; "" where none is given. */
  need() {
    return Person.name ? Promise.resolve(Person.name) : Person.ask();
  },

  /** Ask for the name, also where there is one. */
  ask() {
    if (Person.asking) return Person.asking.promise;
    Person.asking = {};
    Person.asking.promise = new Promise((resolve) => {
      Person.asking.resolve = resolve;
    });
    Page.get("person").value = Person.name;
    Page.fill(
      Page.get("persons"),
      ...VerdictLog.people().map((name) => Elements.h("option", { value: name })),
    );
    Page.openDialog("person-dialog");
    Page.get("person").select();
    return Person.asking.promise;
  },

  keep(text) {
    const name = Person.clean(text);
    if (!name) return;
    const other = name !== Person.name;
    Person.name = name;
    Settings.set("person", name);
    Page.closeDialog("person-dialog");
    if (other) Person.changed();
  },

  answered() {
    const asking = Person.asking;
    Person.asking = null;
    if (asking) asking.resolve(Person.name);
  },
};

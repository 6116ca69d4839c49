"use strict";

/**
 * What was decided here, to take it back and to do it again, any number of times. Each step is an event of its own:
 * the log only grows.
 */
const Undoing = {
  NOTHING: { class: "", quality: "", flags: [], comment: "" },
  done: [],
  undone: [],

  /** @returns {object} what an event says, without who and when. */
  stateOf(event) {
    if (!event) return Undoing.NOTHING;
    return { class: event.class, quality: event.quality, flags: event.flags, comment: event.comment };
  },

  same(a, b) {
    return JSON.stringify(Undoing.stateOf(a)) === JSON.stringify(Undoing.stateOf(b));
  },

  /** Begin with what a person decided before: it can be taken back after a reload as well. */
  seed(person) {
    Undoing.done = [];
    Undoing.undone = [];
    const last = new Map();
    for (const event of VerdictLog.all()
      .filter((one) => one.by === person)
      .sort(VerdictLog.compare)) {
      Undoing.push(event.key, Undoing.stateOf(last.get(event.key)), Undoing.stateOf(event));
      last.set(event.key, event);
    }
  },

  /** Note a step. Of a comment that is still being typed there is one step. */
  push(key, before, after) {
    if (Undoing.same(before, after)) return;
    const top = Undoing.done[Undoing.done.length - 1];
    const typed = (a, b) => Undoing.same({ ...a, comment: "" }, { ...b, comment: "" });
    const goesOn =
      top &&
      top.key === key &&
      typed(top.before, top.after) &&
      typed(before, after) &&
      Undoing.same(top.after, before);
    if (goesOn) top.after = after;
    else Undoing.done.push({ key, before, after });
    Undoing.undone = [];
  },

  undo() {
    return Undoing.step(Undoing.done, Undoing.undone, "after", "before", "Undone");
  },

  redo() {
    return Undoing.step(Undoing.undone, Undoing.done, "before", "after", "Done again");
  },

  /** Take a step in either direction and go to its candidate. */
  async step(from, to, here, there, word) {
    const entry = from[from.length - 1];
    if (!entry) {
      Status.say(`Nothing to ${word === "Undone" ? "undo" : "redo"}.`);
      return;
    }
    from.pop();
    const row = VerdictLog.rowOf(entry.key);
    App.toRow(row);
    if (!Undoing.same(VerdictLog.latest(entry.key, Person.name), entry[here])) {
      Status.say("This verdict was changed since, in another window: left as it is.");
      return;
    }
    to.push(entry);
    Status.say(`${word}: ${Order.nameOf(App.list, row)}, now ${Deciding.inWords(entry[there])}.`);
    await VerdictLog.add(VerdictLog.make(entry.key, Person.name, entry[there]));
  },
};

"use strict";

/**
 * The panel for one's verdict on a candidate: class, quality, flags, comment.
 */
const Deciding = {
  list: null,
  typing: null,
  pressed: 0,
  turn: Promise.resolve(),
  steps: [],
  PAUSE: 500,
  LONGEST: 20000,

  /** Build the panel from what the list offers. */
  start(list) {
    Deciding.list = list;
    const button = (kind, value, key = "") => {
      const parts = [
        ...(key ? [Elements.h("kbd", { "aria-hidden": "true" }, key)] : []),
        Words.className(value),
      ];
      return Elements.h(
        "button",
        {
          type: "button",
          "aria-pressed": "false",
          [`data-${kind}`]: value,
          on: { click: () => Deciding.press(kind, value) },
        },
        ...parts,
      );
    };
    Page.fill(Page.get("classes"), ...list.verdict_classes.map((one) => button("class", one.name, one.key)));
    Page.fill(Page.get("qualities"), ...list.qualities.map((one) => button("quality", one.name, one.key)));
    Page.fill(
      Page.get("flags"),
      ...list.verdict_flags.map((name, i) => button("flag", name, Deciding.flagKey(i))),
    );
    Settings.check("advance", "advance", true);
    Settings.check("hide-others", `hide-others/${list.blind ? "blind" : "open"}`, Boolean(list.blind), () =>
      Deciding.update(),
    );
    Deciding.prepareComment();
    Page.on("clear", "click", () => Deciding.clear());
    Page.on("undo", "click", () => Undoing.undo());
    Page.on("redo", "click", () => Undoing.redo());
  },

  /** Flags have the digits that qualities leave. */
  flagKey(i) {
    const free = "1234567890"
      .split("")
      .filter((digit) => !Deciding.list.qualities.some((one) => one.key === digit));
    return free[i] && free[i] !== "0" ? free[i] : "";
  },

  /** @returns {object[]} actions for Keys. */
  actions() {
    const list = Deciding.list;
    const action = (key, label, run, group = "Verdict") => ({ key, label, group, run, once: true });
    return [
      ...list.verdict_classes.map((one) =>
        action(one.key, `class ${Words.className(one.name)}`, () => Deciding.press("class", one.name), "Class"),
      ),
      ...list.qualities.map((one) =>
        action(one.key, one.name, () => Deciding.press("quality", one.name), "Quality"),
      ),
      ...list.verdict_flags.map((name, i) =>
        action(Deciding.flagKey(i), name, () => Deciding.press("flag", name), "Flags"),
      ),
      action("c", "write a comment", () => Page.get("comment").focus()),
      action("Delete", "clear the verdict", () => Deciding.clear()),
      action(["Ctrl+z", "Backspace"], "undo", () => Undoing.undo()),
      action(["Ctrl+y", "Ctrl+Shift+Z", "Shift+Backspace"], "redo", () => Undoing.redo()),
      action("A", "go on by itself after class and quality, or not", () => Page.get("advance").click()),
      action("H", "verdicts of others only after one's own, or always", () =>
        Page.get("hide-others").click(),
      ),
    ];
  },

  /** @returns {object} one's verdict on a row. */
  state(row) {
    return Undoing.stateOf(VerdictLog.latest(Deciding.list.columns.key[row], Person.name));
  },

  /**
   * Set class or quality, or change a flag, of the candidate that is seen. One key after the other: whoever types faster
   * than the page draws means the candidate to which the keys before lead, and not the one that was there at the time.
   */
  press(kind, value) {
    const row = App.row();
    const number = (Deciding.pressed += 1);
    const turn = Deciding.turn.then(() => Deciding.decide(Deciding.led(row, number), kind, value));
    Deciding.turn = turn.catch(() => {});
    return turn;
  },

  /** Row to which keys that came before have led since a key was pressed on this one. */
  led(row, number) {
    let now = row;
    for (const { from, to, last } of Deciding.steps) if (from === now && number <= last) now = to;
    if (number === Deciding.pressed) Deciding.steps = [];
    return now;
  },

  async decide(row, kind, value) {
    if (row === undefined || !(await App.seen(row)) || !(await Person.need())) return;
    const before = Deciding.state(row);
    const flags = before.flags.includes(value)
      ? before.flags.filter((flag) => flag !== value)
      : [...before.flags, value];
    const after = { ...before, ...(kind === "flag" ? { flags } : { [kind]: value }) };
    const complete = (state) => state.class !== "" && state.quality !== "";
    Deciding.set(row, after);
    if (!complete(after) || complete(before) || !Page.get("advance").checked || App.row() !== row) return;
    App.advance();
    Deciding.steps.push({ from: row, to: App.row(), last: Deciding.pressed });
  },

  async clear() {
    const row = App.row();
    if (row !== undefined && Person.name) Deciding.set(row, Undoing.NOTHING);
  },

  /** Give a row a verdict, as a step that can be undone. */
  set(row, state) {
    const key = Deciding.list.columns.key[row];
    const before = Deciding.state(row);
    if (Undoing.same(before, state)) return;
    Undoing.push(key, before, state);
    Status.say(`${Order.nameOf(Deciding.list, row)}: ${Deciding.inWords(state)}.`);
    VerdictLog.add(VerdictLog.make(key, Person.name, state));
  },

  /** Say a verdict in a few words. */
  inWords(state) {
    const parts = [
      [Words.className(state.class), state.quality].filter(Boolean).join(" "),
      ...state.flags,
      state.comment ? "comment" : "",
    ];
    return parts.filter(Boolean).join(", ") || "undecided";
  },

  // ----- the comment: kept while it is typed, in any script

  prepareComment() {
    const box = Page.get("comment");
    box.addEventListener("focus", () => Deciding.beginComment());
    box.addEventListener("input", (event) => Deciding.typed(event));
    box.addEventListener("compositionend", () => Deciding.typed({ isComposing: false }));
    box.addEventListener("blur", () => Deciding.endComment());
    box.addEventListener("keydown", (event) => {
      const leave = event.key === "Escape" || (event.key === "Enter" && (event.ctrlKey || event.metaKey));
      // While a word is being composed, Escape and Enter are the input method's.
      if (!leave || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      box.blur();
    });
    window.addEventListener("pagehide", () => Deciding.keepComment());
  },

  async beginComment() {
    const row = App.row();
    if (!Person.name) {
      Page.get("comment").blur();
      if (await Person.need()) Page.get("comment").focus();
      return;
    }
    Deciding.typing = { row, timer: 0, kept: Page.get("comment").value };
  },

  typed(event) {
    if (!Deciding.typing || event.isComposing) return;
    clearTimeout(Deciding.typing.timer);
    Deciding.typing.timer = setTimeout(() => Deciding.keepComment(), Deciding.PAUSE);
  },

  /** Keep what is in the box now, for the candidate for which it was begun. */
  keepComment() {
    if (!Deciding.typing) return;
    clearTimeout(Deciding.typing.timer);
    const { row } = Deciding.typing;
    const comment = Page.get("comment").value;
    // What was not typed here stays as it is: another window may have written it meanwhile.
    if (comment === Deciding.typing.kept) return;
    Deciding.typing.kept = comment;
    if (comment.length > Deciding.LONGEST)
      Status.say(
        `A comment has at most ${Deciding.LONGEST} characters; this one has ${comment.length} and is not kept.`,
      );
    else Deciding.set(row, { ...Deciding.state(row), comment });
  },

  endComment() {
    Deciding.keepComment();
    Deciding.typing = null;
    Deciding.update();
  },

  // ----- what the panel shows

  update() {
    const row = App.row();
    const state = row === undefined ? Undoing.NOTHING : Deciding.state(row);
    for (const button of document.querySelectorAll("#deciding .choices button")) {
      const { class: name, quality, flag } = button.dataset;
      const pressed =
        (name && name === state.class) ||
        (quality && quality === state.quality) ||
        (flag && state.flags.includes(flag));
      button.setAttribute("aria-pressed", String(Boolean(pressed)));
    }
    if (!Deciding.typing && Page.get("comment").value !== state.comment)
      Page.get("comment").value = state.comment;
    Page.get("undo").disabled = Undoing.done.length === 0;
    Page.get("redo").disabled = Undoing.undone.length === 0;
    Page.get("who").textContent = Person.name ? `Verdict of ${Person.name}` : "Your verdict";
    Deciding.showOthers(row, state);
  },

  showOthers(row, state) {
    const others =
      row === undefined
        ? []
        : VerdictLog.of(Deciding.list.columns.key[row]).filter(
            (event) => event.by !== Person.name && !VerdictLog.isEmpty(event),
          );
    Page.get("others").hidden = others.length === 0;
    const hidden = Page.get("hide-others").checked && state.class === "";
    const lines = hidden
      ? [Elements.h("li", {}, `${others.length} given`)]
      : others
          .sort(VerdictLog.compare)
          .map((event) =>
            Elements.h(
              "li",
              {},
              Elements.h("bdi", { class: "by" }, event.by),
              ": ",
              Deciding.inWords({ ...event, comment: "" }),
              ...(event.comment ? [Elements.h("p", { class: "said", dir: "auto" }, event.comment)] : []),
              Elements.h("time", { datetime: event.at }, ` ${event.at.slice(0, 16).replace("T", " ")}`),
            ),
          );
    Page.fill(Page.get("others-list"), ...lines);
  },
};

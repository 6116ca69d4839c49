"use strict";

/**
 * The dialog for going to a candidate by number or name.
 */
const Jumping = {
  start() {
    Page.on("jump", "input", () => Jumping.look());
    Page.on("jump-form", "submit", () => Jumping.to(Jumping.look()[0]));
  },

  open() {
    Page.get("jump").value = "";
    Jumping.look();
    Page.openDialog("jump-dialog");
    Page.get("jump").focus();
  },

  /** List what is found. */
  look() {
    const text = Page.get("jump").value;
    const rows = Order.find(App.list, text);
    const entry = (row) =>
      Elements.h(
        "li",
        {},
        Elements.h(
          "button",
          { type: "button", on: { click: () => Jumping.to(row) } },
          `${row + 1} `,
          Elements.h("bdi", {}, Order.nameOf(App.list, row)),
        ),
      );
    Page.fill(
      Page.get("jump-found"),
      ...(rows.length || !text.trim() ? rows.map(entry) : [Elements.h("li", {}, "None is called that.")]),
    );
    return rows;
  },

  to(row) {
    if (row === undefined) return;
    Page.closeDialog("jump-dialog");
    App.toRow(row);
  },
};

"use strict";

/**
 * All candidates in a table with small pictures. Only the rows in sight exist as elements, so that 5,000 are no slower than 50.
 */
const Table = {
  BEYOND: 3,
  PAUSE: 60,
  isOpen: false,
  drawn: new Map(),
  columns: [],

  start(list) {
    Table.list = list;
    Table.columns = [
      { name: "number", label: "#", sort: "list", text: (row) => String(row + 1) },
      { name: "picture", label: "Spectrum" },
      { name: "name", label: "Name" },
      {
        name: "snr",
        label: "S/N",
        sort: "snr",
        text: (row) => Words.number(list.columns.snr_g[row], 1, "–"),
      },
      {
        name: "predicted",
        label: "Predicted",
        sort: "p",
        text: (row) =>
          `${Words.className(list.columns.prediction[row])} ${Words.percent(Filtering.column(list, "p")[row])}`,
      },
      {
        name: "novelty",
        label: "Novelty",
        sort: "novelty",
        text: (row) => Words.number(list.columns.novelty[row], 2, "–"),
      },
      { name: "mine", label: "Verdict", sort: "undecided" },
      { name: "others", label: "Others" },
    ];
    Table.header = Elements.h(
      "div",
      { class: "row head", role: "row", "aria-rowindex": "1" },
      ...Table.columns.map(Table.heading),
    );
    Table.space = Elements.h("div", { class: "space", role: "rowgroup" });
    Table.scroller = Elements.h(
      "div",
      { class: "scroller", tabindex: "0", role: "grid", "aria-label": "Candidates" },
      Elements.h("div", { class: "headgroup", role: "rowgroup" }, Table.header),
      Table.space,
    );
    Page.fill(Page.get("table"), Table.scroller);
    Table.scroller.addEventListener("scroll", () => Table.later(), { passive: true });
    window.addEventListener("resize", () => {
      if (Table.isOpen) Table.draw();
    });
    document.addEventListener("themechange", () => {
      if (Table.isOpen) Table.draw(true);
    });
  },

  heading(column) {
    const cell = Elements.h("div", { class: `cell ${column.name}`, role: "columnheader" });
    if (!column.sort) cell.textContent = column.label;
    else
      cell.append(
        Elements.h(
          "button",
          {
            type: "button",
            tabindex: "-1",
            "data-sort": column.sort,
            on: { click: () => App.sortBy(column.sort) },
          },
          column.label,
        ),
      );
    return cell;
  },

  open(open) {
    Table.isOpen = open;
    Page.get("table").hidden = !open;
    Page.get("candidate").hidden = open;
    Page.get("open-table").setAttribute("aria-pressed", String(open));
    document.body.classList.toggle("tabled", open);
    if (!open) return;
    Table.draw(true);
    Table.reveal();
    window.scrollTo(0, 0);
    Table.scroller.focus({ preventScroll: true });
  },

  height() {
    return Math.round(Number.parseFloat(getComputedStyle(document.documentElement).fontSize) * 4.5);
  },

  later() {
    if (Table.frame) return;
    Table.frame = requestAnimationFrame(() => {
      Table.frame = 0;
      Table.draw();
    });
  },

  /** How many rows a page has. */
  page() {
    return Math.max(
      1,
      Math.floor((Table.scroller.clientHeight - Table.header.offsetHeight) / Table.height()) - 1,
    );
  },

  /** Draw the rows in sight. @param {boolean} [anew] also those that are drawn already */
  draw(anew = false) {
    if (!Table.isOpen) return;
    const height = Table.height();
    const order = App.order;
    Table.space.style.height = `${height * order.length}px`;
    Table.scroller.setAttribute("aria-rowcount", String(order.length + 1));
    const top = Table.scroller.scrollTop;
    const first = Math.max(0, Math.floor(top / height) - Table.BEYOND);
    const last = Math.min(
      order.length - 1,
      Math.ceil((top + Table.scroller.clientHeight) / height) + Table.BEYOND,
    );
    for (const [at, element] of Table.drawn) {
      if (anew || at < first || at > last || element.dataset.row !== String(order[at])) {
        element.remove();
        Table.drawn.delete(at);
      }
    }
    for (let at = first; at <= last; at += 1) if (!Table.drawn.has(at)) Table.add(at, height);
    Table.mark();
    clearTimeout(Table.timer);
    Table.timer = setTimeout(() => Table.pictures(), Table.PAUSE);
  },

  add(at, height) {
    const row = App.order[at];
    const element = Elements.h(
      "div",
      { class: "row", role: "row", id: `row-${at}`, "aria-rowindex": String(at + 2), "data-row": row },
      ...Table.columns.map((column) => Table.cell(column, row)),
    );
    element.style.top = `${at * height}px`;
    element.style.height = `${height}px`;
    element.addEventListener("click", () => App.go(at));
    element.addEventListener("dblclick", () => {
      App.go(at);
      App.table(false);
    });
    Table.space.append(element);
    Table.drawn.set(at, element);
    Table.verdict(element, row);
  },

  cell(column, row) {
    const cell = Elements.h("div", { class: `cell ${column.name}`, role: "gridcell" });
    if (column.text) cell.textContent = column.text(row);
    if (column.name === "picture")
      cell.append(Elements.h("canvas", { role: "img", "aria-label": "Small picture of the spectrum" }));
    if (column.name === "name") {
      const { ra, dec } = Table.list.columns;
      const where = Table.list.blind
        ? ""
        : `${Words.number(ra[row], 5, "–")} ${Words.number(dec[row], 5, "–")}`;
      cell.append(
        Elements.h("bdi", { class: "what" }, Order.nameOf(Table.list, row)),
        Elements.h("span", { class: "where" }, where),
      );
    }
    return cell;
  },

  /** Draw pictures that are in sight and not drawn yet, one after the other. */
  async pictures() {
    const turn = (Table.turn = (Table.turn || 0) + 1);
    for (const [at, element] of [...Table.drawn].sort((a, b) => a[0] - b[0])) {
      const canvas = element.querySelector("canvas");
      if (canvas.dataset.drawn || !element.isConnected) continue;
      canvas.dataset.drawn = "1";
      try {
        await View.thumbnail(canvas, App.order[at]);
      } catch (error) {
        canvas.replaceWith(Elements.h("span", { class: "none" }, error.message));
      }
      if (turn !== Table.turn || !Table.isOpen) return;
    }
  },

  /** Show verdicts again, and which row is chosen. */
  update() {
    if (!Table.isOpen) return;
    for (const [at, element] of Table.drawn) Table.verdict(element, App.order[at]);
  },

  verdict(element, row) {
    const key = Table.list.columns.key[row];
    const mine = VerdictLog.latest(key, Person.name);
    const hidden = Page.get("hide-others").checked && !(mine && mine.class);
    const others = VerdictLog.of(key).filter(
      (event) => event.by !== Person.name && !VerdictLog.isEmpty(event),
    );
    const cell = element.querySelector(".mine");
    const lines = [
      Elements.h(
        "span",
        { class: "said" },
        VerdictLog.isEmpty(mine) ? "" : Deciding.inWords({ ...mine, comment: "" }).replace(/^undecided$/, ""),
      ),
    ];
    if (mine && mine.comment) lines.push(Elements.h("span", { class: "comment", dir: "auto" }, mine.comment));
    Page.fill(cell, ...lines);
    const said = (event) =>
      Elements.h("span", {}, Elements.h("bdi", {}, event.by), `: ${Words.className(event.class) || "–"} ${event.quality}`);
    Page.fill(
      element.querySelector(".others"),
      ...(hidden ? others.slice(0, 1).map(() => "…") : others.map(said)),
    );
  },

  mark() {
    if (!Table.isOpen) return;
    for (const [at, element] of Table.drawn) element.setAttribute("aria-selected", String(at === App.at));
    if (App.order.length) Table.scroller.setAttribute("aria-activedescendant", `row-${App.at}`);
    for (const button of Table.header.querySelectorAll("button")) {
      const chosen = button.dataset.sort === App.sort.by;
      const falls = Order.FALLING.includes(App.sort.by) !== App.sort.reverse;
      button.parentElement.setAttribute("aria-sort", chosen ? (falls ? "descending" : "ascending") : "none");
    }
  },

  /** Bring the chosen row into sight. */
  reveal() {
    const height = Table.height();
    const top = App.at * height;
    const room = Table.scroller.clientHeight - Table.header.offsetHeight;
    if (top < Table.scroller.scrollTop) Table.scroller.scrollTop = top;
    else if (top + height > Table.scroller.scrollTop + room) Table.scroller.scrollTop = top + height - room;
    Table.draw();
  },
};

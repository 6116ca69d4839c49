"use strict";

/**
 * The chosen candidates on paper, four to a page. The browser makes a PDF of it where that is asked for.
 */
const Printing = {
  MOST: 400,
  PEOPLE: 2,
  running: false,

  start() {
    Page.on("print-start", "click", () => Printing.run());
    Page.on("print-dialog", "close", () => {
      Printing.running = false;
    });
    window.addEventListener("beforeprint", () => Printing.begin());
    window.addEventListener("afterprint", () => Printing.clear());
  },

  open() {
    const n = App.order.length;
    const most = Printing.MOST;
    Page.get("print-count").textContent =
      n > most
        ? `${n} candidates are chosen; ${most} can be printed at once. The first ${most} of them are; a filter chooses others.`
        : `${n} candidates are chosen, four to a page.`;
    Page.get("print-progress").hidden = true;
    Page.openDialog("print-dialog");
    Page.get("print-start").focus();
  },

  /** Draw the pictures, then let the browser print. */
  async run() {
    if (Printing.running) return;
    Printing.running = true;
    Printing.clear();
    const rows = App.order.slice(0, Printing.MOST);
    const bar = Page.get("print-progress");
    bar.hidden = false;
    for (const [done, row] of rows.entries()) {
      bar.value = done / rows.length;
      Page.get("print").append(await Printing.sheet(row));
      if (!Printing.running) return Printing.clear();
    }
    Printing.running = false;
    document.body.classList.add("printing");
    Page.closeDialog("print-dialog");
    return window.print();
  },

  /** Make one candidate's part of a page: its picture, and the verdicts on it. */
  async sheet(row) {
    const sheet = Elements.h("article", { class: "sheet" });
    try {
      const drawn = await View.printed(row);
      await Printing.toImages(drawn);
      sheet.append(drawn);
    } catch (error) {
      sheet.append(Elements.h("p", {}, `${Order.nameOf(App.list, row)}: ${error.message}`));
    }
    const events = VerdictLog.of(App.list.columns.key[row]).filter((event) => !VerdictLog.isEmpty(event));
    sheet.append(...events.slice(0, Printing.PEOPLE).map(Printing.line));
    const more = events.length - Printing.PEOPLE;
    if (more > 0) sheet.append(Elements.h("p", { class: "verdict" }, `and ${more} more`));
    return sheet;
  },

  /** Write a verdict in a line. */
  line(event) {
    const verdict = Deciding.inWords({ ...event, comment: "" });
    const comment = Elements.h("bdi", {}, event.comment);
    return Elements.h("p", { class: "verdict" }, Elements.h("bdi", {}, event.by), `: ${verdict}${event.comment ? ". " : ""}`, comment);
  },

  /** Put images in the place of canvases: 400 of those would fill the memory. */
  async toImages(element) {
    for (const canvas of element.querySelectorAll("canvas")) {
      const blob = await new Promise((resolve) => {
        canvas.toBlob(resolve, "image/png");
      });
      const image = Elements.h("img", {
        alt: canvas.getAttribute("aria-label") || "Spectrum",
        src: URL.createObjectURL(blob),
        class: canvas.className,
      });
      await image.decode();
      canvas.replaceWith(image);
    }
  },

  /** The browser's own command prints the page as it is: in light colours, as paper is white. */
  begin() {
    if (!document.body.classList.contains("printing")) Theme.apply("light");
  },

  clear() {
    Theme.start();
    document.body.classList.remove("printing");
    for (const image of document.querySelectorAll("#print img")) URL.revokeObjectURL(image.src);
    Page.fill(Page.get("print"));
  },
};

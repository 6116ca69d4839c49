"use strict";

/**
 * The dialog in which a filter and an order are set. Its count follows each change.
 */
const FilterForm = {
  fields: new Map(),

  start(list) {
    FilterForm.list = list;
    const names = (values) => values.map((value) => [value, Words.className(value)]);
    const predictions = [...new Set(list.columns.prediction.filter(Boolean))].sort();
    const parts = [
      FilterForm.text("text", "Text in name, path, obsid or verdicts"),
      FilterForm.choice("decided", "Decided", names(["by me", "not by me", "by others", "by nobody"])),
      FilterForm.choice("verdict", "My class", names(list.verdict_classes.map((one) => one.name))),
      FilterForm.choice("flag", "My flag", names(list.verdict_flags)),
      FilterForm.choice("predicted", "Predicted class", names(predictions)),
      FilterForm.choice(
        "scan_flag",
        "Flag of the scan",
        list.flag_names.map((flag) => [String(flag.bit), flag.name]),
      ),
      FilterForm.check("commented", "with a comment"),
      ...Filtering.RANGES.map(([name, label]) => FilterForm.range(name, label)),
      FilterForm.choice("sort", "Sort by", Object.entries(Order.KINDS), false),
      FilterForm.check("reverse", "in reverse"),
    ];
    Page.fill(Page.get("filter-fields"), ...parts);
    Page.on("filter-form", "input", () => FilterForm.count());
    Page.on("filter-form", "submit", () => FilterForm.apply());
    Page.on("filter-clear", "click", () => FilterForm.showAll());
  },

  keep(name, element) {
    element.id = `filter-${name}`;
    element.name = name;
    FilterForm.fields.set(name, element);
    return element;
  },

  labelled(name, label, element) {
    return Elements.h("p", { class: name }, Elements.h("label", { for: element.id }, label), element);
  },

  text(name, label) {
    return FilterForm.labelled(
      name,
      label,
      FilterForm.keep(name, Elements.h("input", { type: "text", dir: "auto", autocomplete: "off" })),
    );
  },

  choice(name, label, options, any = true) {
    const select = Elements.h(
      "select",
      {},
      ...[...(any ? [["", "any"]] : []), ...options].map(([value, text]) =>
        Elements.h("option", { value }, text),
      ),
    );
    return FilterForm.labelled(name, label, FilterForm.keep(name, select));
  },

  check(name, label) {
    return Elements.h(
      "label",
      { class: "check" },
      FilterForm.keep(name, Elements.h("input", { type: "checkbox" })),
      ` ${label}`,
    );
  },

  range(name, label) {
    const end = (which, text) =>
      FilterForm.keep(
        `${name}_${which}`,
        Elements.h("input", {
          type: "text",
          inputmode: "decimal",
          autocomplete: "off",
          "aria-label": `${label}, ${text}`,
          placeholder: text,
          pattern: "\\s*[+\\-−]?[0-9]*[.,]?[0-9]*([eE][+\\-]?[0-9]+)?\\s*",
        }),
      );
    return Elements.h(
      "fieldset",
      {},
      Elements.h("legend", {}, label),
      end("least", "at least"),
      " – ",
      end("most", "at most"),
    );
  },

  open() {
    const values = { ...App.filter, sort: App.sort.by, reverse: App.sort.reverse };
    for (const [name, element] of FilterForm.fields) {
      if (element.type === "checkbox") element.checked = values[name] === true;
      else element.value = values[name] ?? "";
    }
    FilterForm.count();
    Page.openDialog("filter-dialog");
    FilterForm.fields.get("text").focus();
  },

  /** @returns {{filter: object, sort: object}} what the form says. */
  read() {
    const filter = {};
    for (const [name, empty] of Object.entries(Filtering.EMPTY)) {
      const element = FilterForm.fields.get(name);
      filter[name] = typeof empty === "boolean" ? element.checked : element.value.trim();
    }
    return {
      filter,
      sort: { by: FilterForm.fields.get("sort").value, reverse: FilterForm.fields.get("reverse").checked },
    };
  },

  count() {
    const test = Filtering.test(FilterForm.list, FilterForm.read().filter, Person.name);
    let n = 0;
    for (let row = 0; row < FilterForm.list.rows; row += 1) n += Number(test(row));
    Page.get("filter-count").textContent = `${n} of ${FilterForm.list.rows}`;
  },

  apply() {
    const { filter, sort } = FilterForm.read();
    Page.closeDialog("filter-dialog");
    App.arrange(filter, sort);
  },

  showAll() {
    Page.closeDialog("filter-dialog");
    App.arrange({ ...Filtering.EMPTY }, App.sort);
  },
};

"use strict";

/**
 * Which candidates are shown. A filter is a plain object, so that it can be kept: empty fields filter nothing.
 */
const Filtering = {
  EMPTY: {
    text: "",
    decided: "",
    verdict: "",
    predicted: "",
    flag: "",
    scan_flag: "",
    commented: false,
    snr_least: "",
    snr_most: "",
    p_least: "",
    p_most: "",
    novelty_least: "",
    novelty_most: "",
  },
  RANGES: [
    ["snr", "S/N (g)"],
    ["p", "Probability"],
    ["novelty", "Novelty"],
  ],

  /** Say which numbers a range is of. */
  column(list, name) {
    const columns = list.columns;
    if (name === "snr") return columns.snr_g;
    if (name === "novelty") return columns.novelty;
    const known = (column) => Array.isArray(column) && column.some((value) => value !== null);
    return known(columns.p_survey)
      ? columns.p_survey
      : (list.p && list.p[list.rare]) || columns.p_survey || [];
  },

  isEmpty(filter) {
    return Object.entries(Filtering.EMPTY).every(([name, empty]) => filter[name] === empty);
  },

  /**
   * Make the test for a filter.
   * @param {object} list
   * @param {object} filter as `EMPTY`
   * @param {string} me who decides
   * @returns {function(number): boolean} of a row
   */
  test(list, filter, me) {
    const tests = [
      ...Filtering.ofVerdicts(list, filter, me),
      ...Filtering.ofColumns(list, filter),
      ...Filtering.ofRanges(list, filter),
    ];
    return (row) => tests.every((test) => test(row));
  },

  ofVerdicts(list, filter, me) {
    const key = list.columns.key;
    const mine = (row) => VerdictLog.latest(key[row], me);
    const decided = (event) => Boolean(event) && event.class !== "";
    const tests = [];
    if (filter.decided === "by me") tests.push((row) => decided(mine(row)));
    if (filter.decided === "not by me") tests.push((row) => !decided(mine(row)));
    if (filter.decided === "by others")
      tests.push((row) => VerdictLog.of(key[row]).some((event) => event.by !== me && decided(event)));
    if (filter.decided === "by nobody") tests.push((row) => !VerdictLog.of(key[row]).some(decided));
    if (filter.verdict) tests.push((row) => mine(row)?.class === filter.verdict);
    if (filter.flag) tests.push((row) => Boolean(mine(row)?.flags.includes(filter.flag)));
    if (filter.commented) tests.push((row) => VerdictLog.of(key[row]).some((event) => event.comment !== ""));
    return tests;
  },

  ofColumns(list, filter) {
    const tests = [];
    const columns = list.columns;
    if (filter.predicted) tests.push((row) => columns.prediction[row] === filter.predicted);
    if (filter.scan_flag) {
      const bit = Number(filter.scan_flag);
      tests.push((row) => Math.floor((columns.flags[row] || 0) / bit) % 2 === 1);
    }
    const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) {
      const said = (row) =>
        VerdictLog.of(columns.key[row])
          .map((event) => `${event.comment} ${event.class} ${event.flags.join(" ")}`)
          .join(" ");
      const text = (row) => [...Order.namesOf(list, row), said(row)].join(" ").toLowerCase();
      tests.push((row) => words.every((word) => text(row).includes(word)));
    }
    return tests;
  },

  ofRanges(list, filter) {
    const tests = [];
    for (const [name] of Filtering.RANGES) {
      const column = Filtering.column(list, name);
      const least = Filtering.number(filter[`${name}_least`]);
      const most = Filtering.number(filter[`${name}_most`]);
      const known = (row) => typeof column[row] === "number";
      if (least !== null) tests.push((row) => known(row) && column[row] >= least);
      if (most !== null) tests.push((row) => known(row) && column[row] <= most);
    }
    return tests;
  },

  /** Read a number, with a decimal comma too; null where there is none. */
  number(text) {
    const value = Number(text.trim().replace(",", ".").replace("−", "-"));
    return text.trim() === "" || Number.isNaN(value) ? null : value;
  },

  /** Say in words what a filter shows. */
  inWords(list, filter) {
    const parts = [];
    if (filter.decided) parts.push(`decided ${filter.decided}`);
    if (filter.verdict) parts.push(`class ${Words.className(filter.verdict)}`);
    if (filter.predicted) parts.push(`predicted ${Words.className(filter.predicted)}`);
    if (filter.flag) parts.push(`flag ${filter.flag}`);
    if (filter.scan_flag)
      parts.push(
        (list.flag_names.find((flag) => String(flag.bit) === filter.scan_flag) || {}).name ||
          "a flag of the scan",
      );
    if (filter.commented) parts.push("with comment");
    if (filter.text) parts.push(`text “${filter.text}”`);
    for (const [name, label] of Filtering.RANGES) {
      if (filter[`${name}_least`]) parts.push(`${label} ≥ ${filter[`${name}_least`]}`);
      if (filter[`${name}_most`]) parts.push(`${label} ≤ ${filter[`${name}_most`]}`);
    }
    return parts.join(", ");
  },
};

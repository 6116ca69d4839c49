"use strict";

/**
 * The order in which candidates are looked at.
 */
const Order = {
  KINDS: {
    list: "list order",
    undecided: "undecided first",
    snr: "S/N, highest first",
    p: "probability, highest first",
    novelty: "novelty, highest first",
    ra: "right ascension",
    near: "nearest to this one",
  },
  FALLING: ["snr", "p", "novelty"],

  /**
   * Filter and sort.
   * @param {object} list
   * @param {object} filter see Filtering
   * @param {{by: string, reverse: boolean}} sort one of `KINDS`
   * @param {string} me who decides
   * @param {number} here the row that is looked at, from which nearness counts
   * @returns {number[]} rows
   */
  rows(list, filter, sort, me, here) {
    const shown = Filtering.test(list, filter, me);
    const rows = [];
    for (let row = 0; row < list.rows; row += 1) if (shown(row)) rows.push(row);
    const value = Order.value(list, sort.by, me, here);
    if (value === null) return sort.reverse ? rows.reverse() : rows;
    const sign = sort.reverse ? -1 : 1;
    const known = (x) => typeof x === "number" && Number.isFinite(x);
    const values = new Map(rows.map((row) => [row, value(row)]));
    // What has no value comes last in either direction; equals keep the order of the list.
    return rows.sort((a, b) => {
      const [x, y] = [values.get(a), values.get(b)];
      if (!known(x) || !known(y)) return Number(!known(x)) - Number(!known(y)) || a - b;
      return sign * (x - y) || a - b;
    });
  },

  /** Give the number by which a row is sorted, least first; null for the order of the list. */
  value(list, by, me, here) {
    const columns = list.columns;
    if (by === "undecided") return (row) => (VerdictLog.latest(columns.key[row], me)?.class ? 1 : 0);
    if (by === "ra") return (row) => columns.ra[row];
    if (by === "near") return (row) => Order.distance(columns, here, row);
    if (!Order.FALLING.includes(by)) return null;
    const column = Filtering.column(list, by);
    return (row) => (typeof column[row] === "number" ? -column[row] : null);
  },

  /** @returns {number} angle between two rows in degrees (haversine formula), NaN where a position is missing. */
  distance(columns, a, b) {
    const numbers = [columns.ra[a], columns.dec[a], columns.ra[b], columns.dec[b]];
    if (numbers.some((x) => typeof x !== "number")) return NaN;
    const [ra1, dec1, ra2, dec2] = numbers.map((x) => (x * Math.PI) / 180);
    const h =
      Math.sin((dec2 - dec1) / 2) ** 2 + Math.cos(dec1) * Math.cos(dec2) * Math.sin((ra2 - ra1) / 2) ** 2;
    return (2 * Math.asin(Math.min(1, Math.sqrt(h))) * 180) / Math.PI;
  },

  /** @returns {string} what a row is called. A blind list does not say which star it is. */
  nameOf(list, row) {
    return list.blind ? `Spectrum ${row + 1}` : list.columns.name[row];
  },

  /** @returns {string[]} all by which a row may be looked for. */
  namesOf(list, row) {
    const { name, obsid, path } = list.columns;
    return list.blind ? [Order.nameOf(list, row)] : [name[row], String(obsid[row]), path[row]];
  },

  /**
   * Find candidates by number, key, obsid or part of the name.
   * @returns {number[]} rows, the best first
   */
  find(list, text, most = 8) {
    const wanted = text.trim().toLowerCase();
    const columns = list.columns;
    if (!wanted) return [];
    const found = [];
    if (/^\d+$/.test(wanted) && Number(wanted) >= 1 && Number(wanted) <= list.rows)
      found.push(Number(wanted) - 1);
    const names = (row) => Order.namesOf(list, row).map((name) => name.toLowerCase());
    const exact = (row) => columns.key[row] === wanted || names(row).includes(wanted);
    const part = (row) => names(row).some((name) => name.includes(wanted));
    for (const matches of [exact, part]) {
      for (let row = 0; row < list.rows && found.length < most; row += 1)
        if (!found.includes(row) && matches(row)) found.push(row);
    }
    return found;
  },
};

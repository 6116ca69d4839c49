"use strict";

/**
 * All verdicts on this list: one's own, those of other windows and people, those that came with the page.
 * An event holds the complete verdict at its time; of one person on one candidate the latest holds. Nothing is ever removed.
 */
const VerdictLog = {
  list: null,
  events: new Map(),
  latest_: new Map(),
  kept: new Set(),
  waiting: new Map(),
  reason: "",
  watchers: [],
  channel: null,

  /**
   * Read what the browser holds of this list.
   * @param {object} list the page's list: `digest`, `verdicts`, columns
   */
  async open(list) {
    VerdictLog.list = list;
    VerdictLog.database = new Database(list.digest);
    VerdictLog.small = new SmallStore(list.digest);
    const given = (list.verdicts || []).map((event) => ({
      ...event,
      id: event.id || [event.key, event.by, event.at].join(" "),
    }));
    VerdictLog.confirm(VerdictLog.take(given).map((event) => event.id));
    await VerdictLog.reread();
    VerdictLog.listen();
  },

  /** Read the stores again: another window may have added events. Events of the small store move to the database. */
  async reread() {
    let found = [];
    try {
      found = await VerdictLog.database.all();
      VerdictLog.take(found);
      VerdictLog.confirm(found.map((event) => event.id));
    } catch (error) {
      VerdictLog.reason = VerdictLog.inWords(error);
    }
    try {
      const small = VerdictLog.small
        .all()
        .map((event) => VerdictLog.proper(event))
        .filter(Boolean);
      VerdictLog.take(small);
      const moving = small.filter((event) => !VerdictLog.kept.has(event.id));
      moving.forEach((event) => VerdictLog.waiting.set(event.id, event));
      if (moving.length) await VerdictLog.store();
      else small.forEach((event) => VerdictLog.small.remove(event));
    } catch (error) {
      VerdictLog.reason = VerdictLog.reason || VerdictLog.inWords(error);
    }
    VerdictLog.changed();
  },

  listen() {
    if (typeof BroadcastChannel === "function") {
      VerdictLog.channel = new BroadcastChannel(VerdictLog.database.name);
      VerdictLog.channel.onmessage = (message) => VerdictLog.hear(message.data);
    }
    const again = () => {
      if (document.visibilityState === "visible") VerdictLog.reread();
    };
    document.addEventListener("visibilitychange", again);
    window.addEventListener("focus", again);
    window.addEventListener("storage", (event) => {
      if (VerdictLog.small.concerns(event.key)) VerdictLog.reread();
    });
    window.addEventListener("beforeunload", (event) => {
      if (VerdictLog.endangered().length) event.preventDefault();
    });
  },

  /** Take what another window of this list has stored. */
  hear(events) {
    const fresh = VerdictLog.take(Array.isArray(events) ? events : []);
    VerdictLog.confirm(fresh.map((event) => event.id));
    if (fresh.length) VerdictLog.changed();
  },

  /** Make an event of this moment. Its time is later than that of the person's verdict before, whatever the clock says. */
  make(key, by, verdict) {
    const columns = VerdictLog.list.columns;
    const row = VerdictLog.rowOf(key);
    const before = VerdictLog.latest(key, by);
    const now = Math.max(Date.now(), before ? Date.parse(before.at) + 1 : 0);
    return {
      list: VerdictLog.list.digest,
      key,
      name: columns.name[row],
      obsid: columns.obsid[row],
      ra: columns.ra[row],
      dec: columns.dec[row],
      class: verdict.class,
      quality: verdict.quality,
      flags: [...verdict.flags],
      comment: verdict.comment,
      by,
      at: new Date(now).toISOString(),
      id: VerdictLog.newId(),
    };
  },

  newId() {
    return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
  },

  rowOf(key) {
    if (!VerdictLog.rows)
      VerdictLog.rows = new Map(VerdictLog.list.columns.key.map((name, row) => [name, row]));
    return VerdictLog.rows.get(key);
  },

  /**
   * Add events and keep them. They count at once; the promise tells when they are on the disk.
   * @returns {Promise<boolean>} false where they could not be stored; they stay in memory and are tried again.
   */
  async add(...events) {
    const fresh = VerdictLog.take(events);
    for (const event of fresh) {
      VerdictLog.waiting.set(event.id, event);
      try {
        VerdictLog.small.put(event);
      } catch (error) {
        VerdictLog.reason = VerdictLog.inWords(error);
      }
    }
    VerdictLog.changed();
    return fresh.length ? VerdictLog.store() : true;
  },

  /** Put what waits into the database, then take it out of the small store. */
  async store() {
    const events = [...VerdictLog.waiting.values()];
    try {
      await VerdictLog.database.put(events);
    } catch (error) {
      VerdictLog.reason = VerdictLog.inWords(error);
      VerdictLog.again();
      VerdictLog.changed();
      return events.every((event) => VerdictLog.inSmallStore(event));
    }
    for (const event of events) {
      VerdictLog.kept.add(event.id);
      VerdictLog.waiting.delete(event.id);
      try {
        VerdictLog.small.remove(event);
      } catch {
        continue; // It stays there too, which does no harm.
      }
    }
    VerdictLog.reason = "";
    if (VerdictLog.channel) VerdictLog.channel.postMessage(events);
    VerdictLog.changed();
    return true;
  },

  /** Try again later what could not be stored: the store may have been full. */
  again() {
    clearTimeout(VerdictLog.timer);
    VerdictLog.timer = setTimeout(() => {
      if (VerdictLog.waiting.size) VerdictLog.store();
    }, 10000);
  },

  inSmallStore(event) {
    try {
      return localStorage.getItem(VerdictLog.small.prefix + event.id) !== null;
    } catch {
      return false;
    }
  },

  /** Note that events are safe: on the disk, at the server, or in the page itself. */
  confirm(ids) {
    for (const id of ids) VerdictLog.kept.add(id);
  },

  /** List events that are in this window's memory alone. */
  endangered() {
    return [...VerdictLog.waiting.values()].filter(
      (event) => !VerdictLog.kept.has(event.id) && !VerdictLog.inSmallStore(event),
    );
  },

  /** @returns {boolean} true when every event is on the disk. */
  saved() {
    return [...VerdictLog.waiting.keys()].every((id) => VerdictLog.kept.has(id));
  },

  /** Take events into memory; returns those that are new, in their order. */
  take(events) {
    const fresh = [];
    for (const given of events) {
      const event = VerdictLog.proper(given);
      if (event === null || VerdictLog.events.has(event.id)) continue;
      VerdictLog.events.set(event.id, event);
      fresh.push(event);
      const people = VerdictLog.latest_.get(event.key) || new Map();
      VerdictLog.latest_.set(event.key, people);
      const before = people.get(event.by);
      if (!before || VerdictLog.compare(before, event) <= 0) people.set(event.by, event);
    }
    return fresh;
  },

  /** Order events by time. */
  compare(a, b) {
    return Date.parse(a.at) - Date.parse(b.at) || (a.id < b.id ? -1 : 1);
  },

  /** Give an event the fields that it must have, or null where it cannot be one of this list. */
  proper(event) {
    if (event === null || typeof event !== "object") return null;
    const texts = ["id", "key", "by", "at"];
    if (texts.some((name) => typeof event[name] !== "string" || event[name] === "")) return null;
    if (
      event.list !== VerdictLog.list.digest ||
      Number.isNaN(Date.parse(event.at)) ||
      VerdictLog.rowOf(event.key) === undefined
    )
      return null;
    const text = (value) => (typeof value === "string" ? value : "");
    const flags = Array.isArray(event.flags) ? event.flags.filter((flag) => typeof flag === "string") : [];
    return {
      ...event,
      class: text(event.class),
      quality: text(event.quality),
      flags,
      comment: text(event.comment),
    };
  },

  /** @returns {object|null} a person's latest event on a candidate. */
  latest(key, by) {
    const people = VerdictLog.latest_.get(key);
    return (people && people.get(by)) || null;
  },

  /** @returns {object[]} the latest event of each person on a candidate. */
  of(key) {
    return [...(VerdictLog.latest_.get(key) || new Map()).values()];
  },

  /** @returns {object[]} a person's latest events, one a candidate. */
  latestOf(by) {
    const found = [];
    for (const people of VerdictLog.latest_.values()) if (people.has(by)) found.push(people.get(by));
    return found;
  },

  /** @returns {object[]} every event known. */
  all() {
    return [...VerdictLog.events.values()];
  },

  /** @returns {string[]} names of all people that gave a verdict. */
  people() {
    return [...new Set(VerdictLog.all().map((event) => event.by))].sort();
  },

  /** Tell whether an event says anything. */
  isEmpty(event) {
    return (
      !event ||
      (event.class === "" && event.quality === "" && event.flags.length === 0 && event.comment === "")
    );
  },

  inWords(error) {
    if (error && error.name === "QuotaExceededError") return "the browser's store is full";
    return (error && error.message) || String(error);
  },

  watch(run) {
    VerdictLog.watchers.push(run);
  },

  changed() {
    for (const run of VerdictLog.watchers) run();
  },
};

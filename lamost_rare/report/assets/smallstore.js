"use strict";

/**
 * The browser's small store (localStorage). It takes an event at once, without waiting: so it holds each event until the
 * database has it, and holds all of them where there is no database. One entry an event: two windows never overwrite each other.
 */
class SmallStore {
  constructor(digest) {
    this.prefix = `lamost-rare/verdict/${digest}/`;
  }

  /** @returns {object[]} events; entries that are damaged are left where they are. */
  all() {
    const events = [];
    for (let i = 0; i < localStorage.length; i += 1) {
      const name = localStorage.key(i);
      if (!name.startsWith(this.prefix)) continue;
      try {
        events.push(JSON.parse(localStorage.getItem(name)));
      } catch {
        continue;
      }
    }
    return events;
  }

  put(event) {
    localStorage.setItem(this.prefix + event.id, JSON.stringify(event));
  }

  remove(event) {
    localStorage.removeItem(this.prefix + event.id);
  }

  /** Tell whether a change in another window concerns this list. */
  concerns(name) {
    return name === null || name.startsWith(this.prefix);
  }
}

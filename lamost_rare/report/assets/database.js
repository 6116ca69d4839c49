"use strict";

/**
 * The browser's database of verdicts on one list: events are only ever added. Each write waits until it is on the disk.
 */
class Database {
  /** @param {string} digest of the list */
  constructor(digest) {
    this.name = `lamost-rare-verdicts-${digest}`;
    this.open_ = null;
  }

  /** Open the database once; after the browser has closed it, again. */
  open() {
    if (this.open_ === null) {
      this.open_ = this.connect();
      this.open_.catch(() => {
        this.open_ = null;
      });
    }
    return this.open_;
  }

  connect() {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.name, 1);
      setTimeout(() => reject(new Error("the browser's database does not answer")), 5000);
      request.onupgradeneeded = () => request.result.createObjectStore("events", { keyPath: "id" });
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error("another window holds the database"));
      request.onsuccess = () => {
        const database = request.result;
        database.onclose = () => {
          this.open_ = null;
        };
        database.onversionchange = () => {
          database.close();
          this.open_ = null;
        };
        resolve(database);
      };
    });
  }

  /** @returns {Promise<object[]>} all events, in no order. */
  async all() {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const request = database.transaction("events").objectStore("events").getAll();
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }

  /** Add events; done when all of them are on the disk. */
  async put(events) {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const work = database.transaction("events", "readwrite", { durability: "strict" });
      work.oncomplete = () => resolve();
      work.onabort = () => reject(work.error || new Error("the database gave up"));
      const store = work.objectStore("events");
      for (const event of events) store.put(event);
      // Without waiting for answers: the page may be closed before they come.
      work.commit();
    });
  }
}

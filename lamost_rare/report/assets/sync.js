"use strict";

/**
 * Keep a served page and its server's file of verdicts alike: send what the file lacks, take what others added.
 * What could not be sent is sent again, after longer and longer waits. Which events the server lacks follows from
 * the two sets of events alone, so that nothing is lost by a restart on either side.
 */
const Sync = {
  POLL: 3000,
  LONGEST: 60000,
  BATCH: 100,
  address: "",
  next: 0,
  there: new Set(),
  refused: new Map(),
  failures: 0,
  working: false,
  report: () => {},

  /**
   * @param {object} list the page's list; nothing is done unless it is served
   * @param {function(string): void} report shows a line on how things stand
   */
  start(list, report) {
    if (!list.served) return;
    Sync.address = list.served.verdicts;
    Sync.report = report;
    Sync.given = new Set((list.verdicts || []).map((event) => event.id));
    VerdictLog.watch(() => {
      if (!Sync.working && Sync.failures === 0 && Sync.unsent().length) Sync.soon(0);
    });
    window.addEventListener("online", () => Sync.soon(0));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") Sync.soon(0);
    });
    Sync.soon(0);
  },

  /** List the events that the server lacks, oldest first. */
  unsent() {
    return VerdictLog.all()
      .filter(
        (event) => !Sync.there.has(event.id) && !Sync.given.has(event.id) && !Sync.refused.has(event.id),
      )
      .sort(VerdictLog.compare);
  },

  soon(wait) {
    clearTimeout(Sync.timer);
    Sync.timer = setTimeout(() => Sync.once(), wait);
  },

  /** Take, then send, once; then wait for the next time. */
  async once() {
    if (Sync.working) return;
    Sync.working = true;
    try {
      await Sync.receive();
      await Sync.send();
      Sync.failures = 0;
    } catch (error) {
      Sync.failures += 1;
      Sync.reason = error.message;
    }
    Sync.working = false;
    const wait = Sync.failures ? Math.min(1000 * 2 ** (Sync.failures - 1), Sync.LONGEST) : Sync.POLL;
    Sync.tell(wait);
    Sync.soon(Sync.failures === 0 && Sync.unsent().length ? 0 : wait);
  },

  /** Take all events of the file that were not seen yet. */
  async receive() {
    const answer = await Sync.ask(`${Sync.address}?from=${Sync.next}`);
    if (answer.next < Sync.next) {
      // A shorter file is another file: begin anew, and send it what it lacks.
      Sync.next = 0;
      Sync.there.clear();
      return;
    }
    Sync.next = answer.next;
    const fresh = VerdictLog.take(answer.events);
    Sync.note(answer.events.map((event) => event.id));
    if (fresh.length) VerdictLog.changed();
  },

  /** Send what the server lacks, some at a time. */
  async send() {
    for (let events = Sync.unsent(); events.length; events = Sync.unsent()) {
      await Sync.post(events.slice(0, Sync.BATCH));
    }
  },

  async post(events) {
    try {
      await Sync.ask(Sync.address, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(events),
      });
      Sync.note(events.map((event) => event.id));
      VerdictLog.changed();
    } catch (error) {
      if (!error.refused) throw error;
      // The server takes all or none: find the one that it does not take, so that the others are kept.
      if (events.length === 1) Sync.refused.set(events[0].id, error.message);
      else for (const event of events) await Sync.post([event]);
    }
  },

  note(ids) {
    for (const id of ids) Sync.there.add(id);
    VerdictLog.confirm(ids);
  },

  /** Ask the server; an answer that says that the request itself is wrong is marked `refused`. */
  async ask(address, options = {}) {
    let response;
    try {
      response = await fetch(address, {
        cache: "no-store",
        credentials: "same-origin",
        signal: AbortSignal.timeout(15000),
        ...options,
      });
    } catch {
      throw new Error("the server does not answer");
    }
    if (!response.ok) {
      const { error: why } = await response.json().catch(() => ({}));
      const error = new Error(
        response.status === 404
          ? "the server was started anew, open the address that it tells now"
          : `the server answers ${response.status}${why ? `, ${why}` : ""}`,
      );
      error.refused = [400, 413, 422].includes(response.status);
      throw error;
    }
    return response.json();
  },

  tell(wait) {
    const missing = Sync.unsent().length;
    const [why] = Sync.refused.values();
    // Another port is another store to the browser: what is kept here is not seen there.
    const again = missing
      ? ` Keep this window, or start the server again with --port ${location.port}; X exports them.`
      : "";
    if (Sync.refused.size)
      Sync.report(`${Sync.refused.size} not taken by the server (${why}): export them.`, true);
    else if (Sync.failures)
      Sync.report(
        `${missing} not yet at the server: ${Sync.reason}. Next try in ${Math.round(wait / 1000)} s.${again}`,
        true,
      );
    else Sync.report("At the server.", false);
  },
};

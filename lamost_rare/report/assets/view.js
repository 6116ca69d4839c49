"use strict";

/** What is shown of one candidate: overview, close-ups, standards, facts, and what changes them. */
const View = (() => {
  const FASTEST = 600; // km/s, as far as velocities are measured
  const BLUE = [3900, 5000];
  const RED = [6400, 6800];
  const { h } = Elements;

  const settings = {
    velocity: 0, smoothing: 0, errors: true, rectified: false, residuals: true, standard: "nearest", visit: null, sets: {},
  };
  const state = { settings, row: -1, measured: null };
  let list = null;
  let scene = null;
  let parts = null;
  let asked = 0; // of the last call of show: earlier ones that end later draw nothing
  let waiting = false;
  let ready = Promise.resolve();

  /** Build the elements for a list into a container. */
  function init(known, container) {
    list = known;
    list.sets.forEach((set) => { settings.sets[set.name] = Boolean(set.shown); });
    const controls = Controls.build(api, list);
    parts = {
      head: h("div", { class: "v-head" }),
      warnings: h("div", { class: "v-warnings", role: "status" }),
      overview: h("div", { class: "v-overview" }),
      controls,
      closeups: h("div", { class: "v-closeups", role: "group", "aria-label": "Close-ups of lines" }),
      facts: h("div", { class: "v-facts" }),
      widths: h("details", { class: "v-card" }, h("summary", {}, "All equivalent widths (Å)")),
    };
    const spectrum = h("div", { class: "v-spectrum" }, parts.overview, controls.element, parts.closeups);
    const side = h("div", { class: "v-side" }, parts.facts, parts.widths);
    container.replaceChildren(h("div", { class: "v-view" }, parts.head, parts.warnings,
      h("div", { class: "v-body" }, spectrum, side)));
    api.overview = new Overview(parts.overview);
    parts.figures = Closeups.build(parts.closeups, list, zoomOn);
    parts.widths.addEventListener("toggle", drawWidths);
    Palette.onchange(drawAll);
    new ResizeObserver(() => {
      Closeups.resized(parts.figures);
      later();
    }).observe(parts.closeups);
    ready = Standards.open(list).catch(() => warn("The standards of this page cannot be read."));
  }

  /** Show a row; done when it is drawn. */
  async function show(row) {
    asked += 1;
    const mine = asked;
    const [spectrum] = await Promise.all([Unpack.spectrum(row).catch((error) => error), ready]);
    if (mine !== asked) return;
    state.row = row;
    settings.visit = null;
    startVelocity();
    describe();
    if (spectrum instanceof Error) without(spectrum.message);
    else {
      parts.visit = null;
      parts.spectrum = spectrum;
      container().classList.remove("v-none");
      if (!spectrum.mask.includes(0)) warn("No pixel of this spectrum is valid: what is drawn is not to be trusted.");
      drawAll();
    }
  }

  const container = () => parts.overview.closest(".v-view");

  function warn(text) {
    parts.warnings.append(h("p", { class: "v-warning" }, text));
  }

  /** There is no spectrum: say why, and leave the facts. */
  function without(why) {
    scene = null;
    parts.spectrum = null;
    container().classList.add("v-none");
    if (!parts.warnings.childElementCount) warn(`No spectrum: ${why}`);
    parts.controls.refresh(state, null);
  }

  const bounded = (velocity) => Math.max(-FASTEST, Math.min(FASTEST, velocity));

  /** Velocity that a row is first shown at: as measured, else 0. */
  const firstVelocity = (row) => bounded(list.columns.velocity[row] ?? 0);

  function startVelocity() {
    const { velocity, velocity_err: error } = Facts.rowOf(list, state.row);
    state.measured = Words.missing(velocity) ? null : Words.measured(velocity, error, 0, "");
    settings.velocity = firstVelocity(state.row);
  }

  /** Do ahead what takes time of a row that will be wanted soon. */
  async function prefetch(row) {
    const [spectrum] = await Promise.all([Unpack.spectrum(row).catch(() => null), ready]);
    if (spectrum) setTimeout(() => Standards.rank(spectrum, firstVelocity(row)));
  }

  /** Facts that do not depend on settings. */
  function describe() {
    const { row } = state;
    parts.head.replaceChildren(...Facts.heading(list, row));
    parts.warnings.replaceChildren(...Facts.warnings(list, row));
    parts.facts.replaceChildren(Facts.probability(list, row), Facts.measured(list, row), Facts.identity(list, row));
    const visits = Visits.element(list, row, () => settings, pickVisit);
    if (visits) parts.facts.insertBefore(visits, parts.facts.lastChild);
  }

  /** Make the scene of the settings that are on, and draw all of it. */
  function drawAll() {
    waiting = false;
    if (!parts?.spectrum) {
      if (parts && state.row >= 0) parts.controls.refresh(state, null);
      return;
    }
    Palette.measure();
    scene = Scene.make(list, parts.spectrum, settings, parts.visit);
    api.overview.show(scene);
    Closeups.show(parts.figures, scene, state.row);
    parts.controls.refresh(state, scene);
    drawWidths();
  }

  function drawWidths() {
    if (!scene || !parts.widths.open) return;
    parts.widths.replaceChildren(parts.widths.firstChild, Facts.widths(scene, state.row));
  }

  /** Draw before the next picture of the screen, once for all changes until then. */
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(drawAll);
  }

  /** Change settings. */
  function set(changes) {
    Object.assign(settings, changes);
    later();
  }

  const toggle = (name) => set({ [name]: !settings[name] });

  const toggleSet = (name) => set({ sets: { ...settings.sets, [name]: !settings.sets[name] } });

  function toggleAllSets() {
    const on = Object.values(settings.sets).some(Boolean);
    set({ sets: Object.fromEntries(list.sets.map(({ name }) => [name, !on])) });
  }

  const setVelocity = (velocity) => set({ velocity: bounded(velocity) });

  function resetVelocity() {
    if (state.row < 0) return;
    startVelocity();
    later();
  }

  async function pickVisit(number) {
    const { row } = state;
    settings.visit = number;
    parts.visit = number === null ? null : await Unpack.spectrum(number).catch(() => null);
    if (row !== state.row) return;
    describe();
    later();
  }

  /** Overlay the next of the star's other spectra; after the last, none. */
  function nextVisit() {
    const numbers = Visits.others(list, state.row);
    if (numbers.length) pickVisit(ViewActions.after([null, ...numbers], settings.visit));
  }

  /** Zoom the overview on a line. */
  function zoomOn(line) {
    const at = line.wavelength * Numerics.doppler(scene ? Closeups.velocityOf(scene, line) : 0);
    api.overview.view([at - 60, at + 60]);
  }

  const thumbnail = (canvas, row) => Visits.thumbnail(canvas, row);

  const printed = (row) => Printed.element(list, row, settings);

  const api = {
    BLUE, FASTEST, RED, init, nextVisit, prefetch, printed, resetVelocity, set, setVelocity, show, state, thumbnail,
    toggle, toggleAllSets, toggleSet, scene: () => scene,
  };
  api.actions = ViewActions.of(api);
  return api;
})();

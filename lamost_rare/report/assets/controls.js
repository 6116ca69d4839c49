"use strict";

/** Buttons and sliders over the spectrum. They change settings and say so; they draw nothing. */
const Controls = (() => {
  const SMOOTHINGS = [0, 1, 2, 4, 8];
  const { h, button, press } = Elements;

  /** A few of dashes and ink, as a set's lines are drawn. */
  function swatch(canvas, name) {
    const ctx = Chart.prepare(canvas, 22, 12);
    const { ink, dash } = Palette.ofSet(name);
    ctx.strokeStyle = ink;
    ctx.lineWidth = 2.5;
    ctx.setLineDash(dash);
    ctx.beginPath();
    Chart.line(ctx, 0, 6, 22, 6);
    ctx.stroke();
  }

  /** Buttons of ranges and of what is drawn. */
  function ofPicture(view) {
    const toggles = [["errors", "±1σ"], ["rectified", "Rectified"], ["residuals", "Residuals"]].map(
      ([name, label]) => ({ name, element: button(label, () => view.toggle(name)) }));
    const select = h("select", { id: "v-smoothing", on: { change: () => view.set({ smoothing: Number(select.value) }) } },
      SMOOTHINGS.map((px) => h("option", { value: px }, px ? `${px} px` : "none")));
    const element = h("div", { class: "v-group" },
      h("span", { class: "v-buttons", role: "group", "aria-label": "Range" },
        button("Whole", () => view.overview.reset()),
        button("Blue", () => view.overview.view(view.BLUE), { title: "3900 to 5000 Å" }),
        button("Hα", () => view.overview.view(view.RED), { title: "6400 to 6800 Å" }),
        button("−", () => view.overview.zoom(1 / 1.5), { "aria-label": "Zoom out" }),
        button("+", () => view.overview.zoom(1.5), { "aria-label": "Zoom in" })),
      h("label", { for: "v-smoothing" }, "Smoothing ", select),
      h("span", { class: "v-buttons", role: "group", "aria-label": "Drawn" }, toggles.map((one) => one.element)));
    const refresh = ({ settings }) => {
      select.value = String(settings.smoothing);
      toggles.forEach(({ name, element: one }) => press(one, settings[name]));
    };
    return { element, refresh };
  }

  /** Buttons of the sets of lines: the legend as well. */
  function ofSets(view, list) {
    const sets = list.sets.map(({ name, at_rest: rest }) => {
      const canvas = h("canvas", { class: "v-swatch", "aria-hidden": "true" });
      const element = button("", () => view.toggleSet(name), { title: rest ? "at rest" : "moves with the star" });
      element.append(canvas, name);
      return { name, canvas, element };
    });
    const element = h("div", { class: "v-group" },
      h("span", { class: "v-buttons", role: "group", "aria-label": "Lines" },
        h("span", { class: "v-label", "aria-hidden": "true" }, "Lines"), sets.map((set) => set.element)));
    const refresh = ({ settings }) => sets.forEach(({ name, canvas, element: one }) => {
      press(one, settings.sets[name]);
      swatch(canvas, name);
    });
    return { element, refresh };
  }

  /** The slider of the velocity, with a number beside it. */
  function ofVelocity(view) {
    const set = (text) => {
      const value = Number(text);
      if (text !== "" && Number.isFinite(value)) view.setVelocity(value);
    };
    const slider = h("input", { type: "range", id: "v-velocity", min: -view.FASTEST, max: view.FASTEST, step: 1,
      on: { input: () => set(slider.value) } });
    const box = h("input", { type: "number", "aria-label": "Velocity in km/s", min: -view.FASTEST, max: view.FASTEST,
      step: 1, on: { change: () => set(box.value) } });
    const reset = button("0", () => view.resetVelocity());
    const element = h("div", { class: "v-group v-velocity" },
      h("label", { for: "v-velocity" }, "Velocity"), slider, box, h("span", {}, "km/s"), reset);
    const refresh = ({ settings, measured }) => {
      slider.value = String(settings.velocity);
      if (document.activeElement !== box) box.value = String(Math.round(settings.velocity));
      slider.setAttribute("aria-valuetext", `${Math.round(settings.velocity)} km/s`);
      reset.textContent = measured ? `measured ${measured}` : "at rest";
    };
    return { element, refresh };
  }

  /** Buttons of the standards, the nearest first. */
  function ofStandards(view) {
    const buttons = h("span", { class: "v-buttons", role: "group", "aria-label": "Standard" });
    const note = h("span", { class: "v-note" },
      "χ² a pixel from 3800 to 6800 Å, of analytic models brought to the star's continuum: no fits.");
    const element = h("div", { class: "v-group" }, buttons, note);
    const refresh = ({ settings }, scene) => {
      const label = h("span", { class: "v-label", "aria-hidden": "true" }, "Standard");
      const all = scene?.ranked ?? [];
      const made = all.map((one) => {
        const chi2 = h("span", { class: "v-chi2" }, one.chi2.toFixed(2));
        const made1 = button("", () => view.set({ standard: one.class }), { title: Words.className(one.class) });
        made1.append(one.type, " ", chi2);
        press(made1, scene.standard === one);
        return made1;
      });
      const none = button("none", () => view.set({ standard: "none" }));
      press(none, settings.standard === "none");
      const focused = buttons.contains(document.activeElement)
        ? [...buttons.children].indexOf(document.activeElement) : -1;
      buttons.replaceChildren(label, ...(made.length ? [...made, none] : [h("span", {}, "none for this spectrum")]));
      buttons.children[focused]?.focus?.();
    };
    return { element, refresh };
  }

  /** All controls in one element, and what brings them up to date. */
  function build(view, list) {
    const parts = [ofPicture(view), ofVelocity(view), ofSets(view, list), ofStandards(view)];
    return {
      element: h("div", { class: "v-controls" }, parts.map((part) => part.element)),
      refresh: (state, scene) => parts.forEach((part) => part.refresh(state, scene)),
    };
  }

  return { SMOOTHINGS, build };
})();

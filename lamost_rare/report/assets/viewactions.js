"use strict";

/** What can be done to the picture, each with its key. Small letters and digits are for verdicts. */
const ViewActions = (() => {
  const SET_KEYS = { "He II": "O", "He I": "B", H: "Y", metal: "M", nebular: "G", interstellar: "K", sky: "Z" };
  const PAN = 0.25;

  const range = (view) => [
    { key: ["+", "="], label: "Zoom in", run: () => view.overview.zoom(1.5) },
    { key: "-", label: "Zoom out", run: () => view.overview.zoom(1 / 1.5) },
    { key: "0", label: "Whole spectrum", run: () => view.overview.reset() },
    { key: "(", label: "Blue lines, 3900 to 5000 Å", run: () => view.overview.view(view.BLUE) },
    { key: ")", label: "Hα, 6400 to 6800 Å", run: () => view.overview.view(view.RED) },
    { key: "Shift+ArrowLeft", label: "Move to the blue", run: () => view.overview.pan(-PAN) },
    { key: "Shift+ArrowRight", label: "Move to the red", run: () => view.overview.pan(PAN) },
    { key: "Shift+ArrowUp", label: "Taller", run: () => view.overview.taller(1.25) },
    { key: "Shift+ArrowDown", label: "Lower", run: () => view.overview.taller(0.8) },
  ];

  /** The next of some values, round and round. */
  const after = (values, value, by = 1) => (
    values[(values.indexOf(value) + by + values.length) % values.length]);

  function standard(view, by) {
    const names = [...(view.scene()?.ranked ?? []).map((one) => one.class), "none"];
    const now = view.state.settings.standard === "none" ? "none" : view.scene()?.standard?.class;
    view.set({ standard: after(names, now ?? "none", by) });
  }

  const drawn = (view) => [
    { key: "W", label: "Smoothing: wider, then none",
      run: () => view.set({ smoothing: after(Controls.SMOOTHINGS, view.state.settings.smoothing) }) },
    { key: "E", label: "Error band", run: () => view.toggle("errors") },
    { key: "C", label: "Rectified: over the continuum", run: () => view.toggle("rectified") },
    { key: "Q", label: "Residuals", run: () => view.toggle("residuals") },
    { key: ">", label: "Next standard", run: () => standard(view, 1) },
    { key: "<", label: "Previous standard", run: () => standard(view, -1) },
    { key: "_", label: "Nearest standard, or none",
      run: () => view.set({ standard: view.state.settings.standard === "none" ? "nearest" : "none" }) },
    { key: "&", label: "Next visit of the star, over this one", run: () => view.nextVisit() },
  ];

  const velocity = (view) => [
    [".", 10, "+10 km/s"], [",", -10, "−10 km/s"], [":", 100, "+100 km/s"], [";", -100, "−100 km/s"],
  ].map(([key, by, label]) => ({ key, label, run: () => view.setVelocity(view.state.settings.velocity + by) }))
    .concat([{ key: "V", label: "Velocity as measured", run: () => view.resetVelocity() }]);

  const sets = (view) => Object.entries(SET_KEYS).map(([name, key]) => (
    { key, label: `Lines: ${name}`, run: () => view.toggleSet(name) }))
    .concat([{ key: "L", label: "Lines: all, or none", run: () => view.toggleAllSets() }]);

  /** All actions, in groups. */
  function of(view) {
    const grouped = (group, actions) => actions.map((action) => ({ group, ...action }));
    return [
      ...grouped("Picture", [...range(view), ...drawn(view)]),
      ...grouped("Velocity", velocity(view)),
      ...grouped("Lines", sets(view)),
    ];
  }

  return { after, of };
})();

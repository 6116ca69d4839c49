"use strict";

/** Close-ups of the lines that decide, each over its own continuum, with its equivalent width. */
const Closeups = (() => {
  const LEAST_HALF = 0.08; // of the continuum: noise of bright stars is not blown up to the full height
  const BESIDE = 2; // Å, beyond the side bands
  const AT_REST = ["caii_k"]; // in hot stars a line of the gas before them: the catalogue measures it at rest too

  /** The line in the frame that a velocity puts it in: window, bands and centre. */
  function moved(line, velocity) {
    const factor = Numerics.doppler(velocity);
    const by = ([a, b]) => [a * factor, b * factor];
    return { at: line.wavelength * factor, window: by(line.window), bands: line.bands.map(by) };
  }

  /** Velocity at which a line is measured: that of the star, but 0 for lines that do not move. */
  function velocityOf(scene, line) {
    if (AT_REST.includes(line.name)) return 0;
    const set = scene.list.sets.find((one) => one.name === line.set);
    return set?.at_rest ? 0 : scene.settings.velocity;
  }

  /** Lines that are shown close up, by wavelength. */
  const linesOf = (list) => list.lines.filter((line) => line.close_up && line.window)
    .sort((a, b) => a.wavelength - b.wavelength);

  /** Part of a spectrum around a line over a continuum, for drawing. */
  function part(spectrum, [low, high], continuum) {
    const from = Math.max(0, Numerics.indexOf(spectrum.wavelength, low) - 1);
    const to = Math.min(spectrum.wavelength.length, Numerics.indexOf(spectrum.wavelength, high) + 1);
    const wavelength = spectrum.wavelength.subarray(from, to);
    const level = Float32Array.from(wavelength, continuum);
    return {
      wavelength,
      flux: spectrum.flux.subarray(from, to).map((value, i) => value / level[i]),
      sigma: spectrum.sigma.subarray(from, to).map((value, i) => value / level[i]),
      mask: spectrum.mask.subarray(from, to).map((bit, i) => (bit || !(level[i] > 0) ? 1 : 0)),
    };
  }

  /** Median of what is valid around a line: a level to draw by where no continuum can be fitted. */
  function flatLevel(spectrum, [low, high]) {
    const values = [];
    const end = Numerics.indexOf(spectrum.wavelength, high);
    for (let i = Numerics.indexOf(spectrum.wavelength, low); i < end; i += 1) {
      if (!spectrum.mask[i]) values.push(spectrum.flux[i]);
    }
    return Numerics.median(Float64Array.from(values), values.length);
  }

  /** What a close-up shows: the line's part of the spectrum and of the standard, and its width. */
  function near(scene, line) {
    const velocity = velocityOf(scene, line);
    const place = moved(line, velocity);
    const range = [place.bands[0][0] - BESIDE, place.bands[place.bands.length - 1][1] + BESIDE];
    const measured = Widths.measure(scene.spectrum, line, velocity);
    const flat = measured.continuum ? null : flatLevel(scene.spectrum, range);
    const data = part(scene.smooth, range, measured.continuum ?? (() => flat));
    let model = null;
    if (scene.model) {
      const mask = Uint8Array.from(scene.model, (value) => (Number.isFinite(value) ? 0 : 1));
      const standard = { ...scene.spectrum, flux: scene.model, mask };
      const { continuum } = Widths.measure(standard, line, velocity);
      if (continuum) model = part(standard, range, continuum);
    }
    return { line, place, range, measured, data, model };
  }

  /** Range of a close-up's height, with 1 in it. */
  function heights({ data, model }) {
    let [low, high] = Numerics.robustRange(data, 0, data.flux.length) ?? [1, 1];
    for (const value of model?.flux ?? []) {
      if (Number.isFinite(value)) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    [low, high] = [Math.min(low, 1 - LEAST_HALF), Math.max(high, 1 + 0.5 * LEAST_HALF)];
    const room = 0.08 * (high - low);
    return [low - room, high + room];
  }

  /** Draw one into a context of some size. */
  function draw(ctx, close, scene, { width, height }, inks) {
    const em = Palette.scaled(10);
    const box = { left: 2.7 * em, top: 0.3 * em, width: width - 3.1 * em, height: height - 1.9 * em };
    const frame = new Chart.Frame(box, close.range, heights(close));
    const { data, model, place } = close;
    frame.clipped(ctx, () => {
      ctx.fillStyle = inks.window;
      shade(ctx, frame, place.window);
      ctx.fillStyle = inks.band;
      place.bands.forEach((band) => shade(ctx, frame, band));
      Traces.masked(ctx, data, frame, inks);
    });
    Chart.axes(ctx, frame, inks, { size: 10, grid: false });
    frame.clipped(ctx, () => {
      rule(ctx, frame, close, inks);
      if (scene.settings.errors) Traces.band(ctx, data, frame, inks.error);
      Traces.faint(ctx, data, frame, inks.faint);
      Traces.trace(ctx, data.wavelength, data.flux, frame, { ink: inks.flux, width: 1.25, good: (i) => !data.mask[i] });
      if (model) {
        Traces.trace(ctx, model.wavelength, model.flux, frame, { ink: inks.standard, width: 1.5, smooth: true });
      }
      Traces.beyond(ctx, data, frame, inks.muted);
    });
    Chart.outline(ctx, frame, inks);
  }

  function shade(ctx, frame, [low, high]) {
    ctx.fillRect(frame.X(low), frame.top, frame.X(high) - frame.X(low), frame.height);
  }

  /** The continuum, dashed, and where the line's centre is. */
  function rule(ctx, frame, { line, place }, inks) {
    ctx.lineWidth = 1;
    ctx.strokeStyle = inks.muted;
    ctx.setLineDash([4, 3]);
    ctx.beginPath();
    Chart.line(ctx, frame.left, Chart.snap(frame.Y(1)), frame.left + frame.width, Chart.snap(frame.Y(1)));
    ctx.stroke();
    const { ink, dash } = Palette.ofSet(line.set, inks);
    ctx.strokeStyle = ink;
    ctx.setLineDash(dash);
    ctx.beginPath();
    Chart.line(ctx, Chart.snap(frame.X(place.at)), frame.top, Chart.snap(frame.X(place.at)), frame.top + frame.height);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  /** The width here, in words. */
  const widthOf = ({ width, error }) => Words.measured(width, error, 2, "Å");

  /** Figures of all close-ups, made once; `onpick` is told the line that a reader wants to see. */
  function build(host, list, onpick) {
    return linesOf(list).map((line) => {
      const { h } = Elements;
      const canvas = h("canvas", { role: "img" });
      const width = h("span", { class: "v-width" });
      const catalogue = h("span", { class: "v-catalogue" });
      const name = Elements.button(line.label, () => onpick(line), { class: "v-line", title: "Show it in the overview" });
      host.append(h("figure", { class: "v-closeup" },
        h("figcaption", {}, name, width, catalogue), canvas));
      return { line, canvas, width, catalogue, size: null };
    });
  }

  /** Ask for the sizes of the figures again when they are next drawn. */
  const resized = (figures) => figures.forEach((figure) => { figure.size = null; });

  /** Draw all figures of a scene; `row` is whose catalogue's widths stand beside. */
  function show(figures, scene, row) {
    const { ew, ew_err: errors } = scene.list;
    for (const figure of figures) {
      const { line, canvas, width, catalogue } = figure;
      const close = near(scene, line);
      figure.size ??= Chart.sizeOf(canvas);
      const { size } = figure;
      if (size) draw(Chart.prepare(canvas, size.width, size.height), close, scene, size, Palette.inks());
      const known = row < scene.list.rows ? ew[line.name]?.[row] : null;
      width.textContent = widthOf(close.measured);
      catalogue.textContent = line.measured
        ? `catalogue ${Words.measured(known, errors[line.name]?.[row], 2)}` : "";
      const text = close.measured.width === null ? "equivalent width not measured"
        : `equivalent width ${width.textContent}`;
      canvas.setAttribute("aria-label", `Close-up of ${line.label}, ${text}`);
    }
  }

  return { build, draw, linesOf, near, resized, show, velocityOf, widthOf };
})();

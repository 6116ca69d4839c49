"use strict";

/** The overview of one spectrum: flux above, what a standard leaves of it below. */
const Picture = (() => {
  const JOIN = [5700, 5900]; // Å: where the two arms of LAMOST's spectrographs are joined
  const JOIN_NAME = "arms join";
  const ROOM = 0.06; // of the range of flux, above and below

  /** Whole range of wavelengths of a spectrum, with some room if it is only a pixel. */
  function whole({ wavelength }) {
    const [low, high] = [wavelength[0], wavelength[wavelength.length - 1]];
    return high - low > 1 ? [low, high] : [low - 50, high + 50];
  }

  /** Range of flux to show between two wavelengths. */
  function heights(scene, [low, high], stretch) {
    const { shown, shownModel } = scene;
    const [from, to] = Traces.shown(shown.wavelength, { x0: low, x1: high });
    const found = Numerics.robustRange(shown, from, to) ?? rangeOf(shown.flux.subarray(from, to));
    let [least, most] = found;
    if (shownModel) {
      const model = rangeOf(shownModel.subarray(from, to));
      // A standard may make the picture taller, but not so much that the spectrum is small in it.
      least = Math.max(Math.min(least, model[0]), least - 0.3 * (most - least));
      most = Math.min(Math.max(most, model[1]), most + 0.3 * (most - least));
    }
    const room = ROOM * (most - least) || Math.abs(most) * 0.1 || 1;
    const middle = 0.5 * (least + most);
    const half = (0.5 * (most - least) + room) / stretch;
    return [middle - half, middle + half];
  }

  function rangeOf(values) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) {
      if (!Number.isFinite(value)) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    return low <= high ? [low, high] : [0, 1];
  }

  /** Frames of a picture of some size: flux, and residuals where they are wanted. */
  function frames(ctx, scene, { width, height, range, stretch = 1 }) {
    const em = Palette.scaled(11);
    const [left, right, top, bottom] = [4.7 * em, 0.6 * em, Markers.room(ctx, scene.lines, range), 2.9 * em];
    const inner = { left, width: Math.max(10, width - left - right) };
    const free = Math.max(20, height - top - bottom);
    const below = scene.residuals && scene.settings.residuals ? Math.max(0.24 * free, 4 * em) : 0;
    const gap = below ? 0.6 * em : 0;
    const flux = new Chart.Frame(
      { ...inner, top, height: free - below - gap }, range, heights(scene, range, stretch));
    if (!below) return { flux, residuals: null, em };
    const residuals = new Chart.Frame(
      { ...inner, top: top + free - below, height: below }, range, residualRange(scene, range));
    return { flux, residuals, em };
  }

  /** Symmetric range of the residuals, at least 5 sigma and at most 30. */
  function residualRange({ residuals, shown }, [low, high]) {
    const [from, to] = Traces.shown(shown.wavelength, { x0: low, x1: high });
    const sizes = [];
    for (let i = from; i < to; i += 1) {
      if (!shown.mask[i] && Number.isFinite(residuals[i])) sizes.push(Math.abs(residuals[i]));
    }
    const large = sizes.length ? Numerics.quantile(Float64Array.from(sizes).sort(), 0.99) : 0;
    const limit = Math.min(30, Math.max(5, 1.15 * large));
    return [-limit, limit];
  }

  /** Draw the picture; gives back its frames, by which a pointer is read. */
  function draw(ctx, scene, size, inks) {
    const found = frames(ctx, scene, size);
    const { flux, residuals } = found;
    const { power } = background(ctx, scene, found, inks);
    flux.clipped(ctx, () => spectrum(ctx, scene, flux, inks));
    Markers.draw(ctx, scene.lines, flux, inks);
    Chart.outline(ctx, flux, inks);
    if (residuals) below(ctx, scene, residuals, inks);
    titles(ctx, scene, found, inks, { power, width: size.width, height: size.height });
    return found;
  }

  function background(ctx, { shown }, { flux, residuals }, inks) {
    for (const frame of [flux, residuals].filter(Boolean)) {
      frame.clipped(ctx, () => {
        ctx.fillStyle = inks.join;
        ctx.fillRect(frame.X(JOIN[0]), frame.top, frame.X(JOIN[1]) - frame.X(JOIN[0]), frame.height);
        Traces.masked(ctx, shown, frame, inks);
      });
    }
    return Chart.axes(ctx, flux, inks, { xNumbers: !residuals });
  }

  function spectrum(ctx, scene, frame, inks) {
    const { shown, settings } = scene;
    const { wavelength, flux, mask } = shown;
    if (settings.errors) Traces.band(ctx, shown, frame, inks.error);
    if (scene.shownVisit) Traces.trace(ctx, wavelength, scene.shownVisit, frame, { ink: inks.visit });
    if (scene.valid < flux.length) Traces.faint(ctx, shown, frame, inks.faint);
    Traces.trace(ctx, wavelength, flux, frame, { ink: inks.flux, good: (i) => !mask[i] });
    if (scene.shownModel) {
      Traces.trace(ctx, wavelength, scene.shownModel, frame, { ink: inks.standard, width: 1.5, smooth: true });
    }
    Traces.beyond(ctx, shown, frame, inks.muted);
    nameJoin(ctx, frame, inks);
  }

  /** Say what the shaded band is, if there is room: along it, else upwards. */
  function nameJoin(ctx, frame, inks) {
    const [left, right] = JOIN.map((end) => frame.X(end));
    const em = Palette.scaled(10);
    Chart.font(ctx, 10);
    const along = ctx.measureText(JOIN_NAME).width < right - left;
    if (!along && right - left < 1.4 * em) return;
    ctx.save();
    ctx.translate(0.5 * (left + right), frame.top + frame.height - (along ? 0.7 * em : em));
    if (!along) ctx.rotate(-Math.PI / 2);
    ctx.fillStyle = inks.muted;
    ctx.textAlign = along ? "center" : "left";
    ctx.textBaseline = "middle";
    ctx.fillText(JOIN_NAME, 0, 0);
    ctx.restore();
  }

  function below(ctx, { shown, residuals }, frame, inks) {
    const most = frame.y1;
    const step = most > 12 ? 10 : most > 6 ? 5 : 3;
    Chart.axes(ctx, frame, inks, { yTicks: [-step, 0, step] });
    frame.clipped(ctx, () => {
      const good = (i) => !shown.mask[i] && Number.isFinite(residuals[i]);
      Traces.trace(ctx, shown.wavelength, residuals, frame, { ink: inks.flux, good });
      ctx.strokeStyle = inks.standard;
      ctx.lineWidth = 1.25;
      ctx.beginPath();
      Chart.line(ctx, frame.left, Chart.snap(frame.Y(0)), frame.left + frame.width, Chart.snap(frame.Y(0)));
      ctx.stroke();
    });
    Chart.outline(ctx, frame, inks);
  }

  /** Names of the axes, and of what is overlaid. */
  function titles(ctx, scene, { flux, residuals, em }, inks, { power, height }) {
    const bottom = residuals ?? flux;
    Chart.font(ctx, 11);
    ctx.fillStyle = inks.muted;
    ctx.textAlign = "center";
    ctx.textBaseline = "bottom";
    ctx.fillText("wavelength in vacuum (Å)", bottom.left + 0.5 * bottom.width, height - 0.1 * em);
    const unit = scene.settings.rectified ? "flux / continuum" : "flux";
    upwards(ctx, power ? `${unit} (10${Chart.superscript(power)})` : unit, flux, em);
    if (residuals) upwards(ctx, "σ", residuals, em);
    legend(ctx, scene, flux, inks, em);
  }

  function upwards(ctx, text, frame, em) {
    ctx.save();
    ctx.translate(0.2 * em, frame.top + 0.5 * frame.height);
    ctx.rotate(-Math.PI / 2);
    ctx.textBaseline = "top";
    ctx.fillText(text, 0, 0);
    ctx.restore();
  }

  /** Names of the traces in the upper right corner of the frame. */
  function legend(ctx, scene, frame, inks, em) {
    const rows = [];
    if (scene.standard) rows.push([`${scene.standard.type}, analytic model`, inks.standard]);
    if (scene.shownVisit) rows.push(["other visit", inks.visit]);
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    rows.forEach(([text, ink], k) => {
      const [right, y] = [frame.left + frame.width - 0.7 * em, frame.top + (1.1 + 1.5 * k) * em];
      const width = ctx.measureText(text).width;
      ctx.globalAlpha = 0.8;
      ctx.fillStyle = inks.paper;
      ctx.fillRect(right - width - 2.9 * em, y - 0.75 * em, width + 3.2 * em, 1.5 * em);
      ctx.globalAlpha = 1;
      ctx.strokeStyle = ink;
      ctx.lineWidth = 2;
      ctx.beginPath();
      Chart.line(ctx, right - width - 2.5 * em, y, right - width - 0.6 * em, y);
      ctx.stroke();
      ctx.fillStyle = inks.ink;
      ctx.fillText(text, right, y);
    });
  }

  return { draw, whole };
})();

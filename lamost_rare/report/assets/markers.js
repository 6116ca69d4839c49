"use strict";

/** Lines of sets over a spectrum: where they are at a velocity, how they are marked and named. */
const Markers = (() => {
  const SIZE = 10.5; // of names, in CSS pixels

  /** Lines of the sets that are on, moved with the star where they are the star's. */
  function placed(list, shown, velocity) {
    const rest = new Set(list.sets.filter((set) => set.at_rest).map((set) => set.name));
    const factor = Numerics.doppler(velocity);
    return list.lines.filter((line) => shown[line.set]).map((line) => (
      { ...line, at: rest.has(line.set) ? line.wavelength : line.wavelength * factor }));
  }

  /** The line nearest to a wavelength, if it is within `reach` Å. */
  function nearest(lines, wavelength, reach) {
    let best = null;
    for (const line of lines) {
      const off = Math.abs(line.at - wavelength);
      if (off <= reach && !(best && best.off <= off)) best = { line, off };
    }
    return best?.line ?? null;
  }

  const rankOf = (line) => (line.close_up ? 0 : line.measured ? 1 : 2);

  const within = (lines, [low, high]) => lines.filter((line) => line.at > low && line.at < high);

  const nameFont = (ctx, line) => Chart.font(ctx, SIZE, line.close_up ? "600" : "");

  /** Height in CSS pixels that the names of lines between two wavelengths need. */
  function room(ctx, lines, range) {
    let most = 0;
    for (const line of within(lines, range)) {
      nameFont(ctx, line);
      most = Math.max(most, ctx.measureText(line.label).width);
    }
    return most + Palette.scaled(SIZE);
  }

  /** Draw lines over a frame; where there is no room for all names, those that decide have theirs. */
  function draw(ctx, lines, frame, inks) {
    const unit = Palette.scaled(SIZE);
    const inside = within(lines, [frame.x0, frame.x1]);
    const taken = [];
    const free = (x, room) => taken.every((other) => Math.abs(other - x) >= room);
    for (const line of inside.sort((a, b) => rankOf(a) - rankOf(b))) {
      const { ink, dash } = Palette.ofSet(line.set, inks);
      const x = frame.X(line.at);
      const named = free(x, 1.12 * unit);
      ctx.strokeStyle = ink;
      ctx.lineWidth = named ? 1.25 : 1;
      ctx.globalAlpha = named ? 0.8 : 0.45;
      ctx.setLineDash(dash);
      ctx.beginPath();
      Chart.line(ctx, x, frame.top, x, frame.top + frame.height);
      ctx.stroke();
      ctx.globalAlpha = 1;
      if (!named) continue;
      taken.push(x);
      name(ctx, line, x, frame.top, ink);
    }
    ctx.setLineDash([]);
  }

  /** Name of a line, upwards from the frame. */
  function name(ctx, line, x, y, ink) {
    ctx.save();
    ctx.translate(x, y - 0.4 * Palette.scaled(SIZE));
    ctx.rotate(-Math.PI / 2);
    nameFont(ctx, line);
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillStyle = ink;
    ctx.fillText(line.label, 0, 0);
    ctx.restore();
  }

  return { draw, nearest, placed, room };
})();

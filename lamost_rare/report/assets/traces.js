"use strict";

/**
 * Traces of spectra in a frame: lines, error bands, masked pixels.
 *
 * Where many pixels fall into one column of the screen their least and greatest values are drawn, so
 * that nothing that is in the file is lost in the picture.
 */
const Traces = (() => {
  /** First and last but one of the pixels that a frame shows, with one more on either side. */
  function shown(wavelength, frame) {
    const from = Math.max(0, Numerics.indexOf(wavelength, frame.x0) - 1);
    const to = Math.min(wavelength.length, Numerics.indexOf(wavelength, frame.x1) + 2);
    return [from, to];
  }

  const crowded = (frame, from, to) => to - from > 1.5 * frame.width;

  /** Runs of pixels that may be drawn: [first, behind the last]. */
  function runs(from, to, good) {
    const found = [];
    let start = -1;
    for (let i = from; i <= to; i += 1) {
      const here = i < to && good(i);
      if (here && start < 0) start = i;
      if (!here && start >= 0) {
        found.push([start, i]);
        start = -1;
      }
    }
    return found;
  }

  /** Boundaries between pixels, in CSS pixels. */
  function edges(wavelength, frame, i) {
    const n = wavelength.length;
    const half = n < 2 ? 0.5 : 0.5 * (i > 0 ? wavelength[i] - wavelength[i - 1] : wavelength[1] - wavelength[0]);
    const next = i + 1 < n ? 0.5 * (wavelength[i + 1] - wavelength[i]) : half;
    return [frame.X(wavelength[i] - half), frame.X(wavelength[i] + next)];
  }

  function columns(ctx, wavelength, values, frame, [from, to]) {
    let i = from;
    let begun = false;
    while (i < to) {
      const column = Math.floor(frame.X(wavelength[i]));
      let [low, high, first, last] = [values[i], values[i], values[i], values[i]];
      for (; i < to && Math.floor(frame.X(wavelength[i])) === column; i += 1) {
        low = Math.min(low, values[i]);
        high = Math.max(high, values[i]);
        last = values[i];
      }
      const x = column + 0.5;
      if (begun) ctx.lineTo(x, frame.Y(first));
      else ctx.moveTo(x, frame.Y(first));
      begun = true;
      ctx.lineTo(x, frame.Y(high));
      ctx.lineTo(x, frame.Y(low));
      ctx.lineTo(x, frame.Y(last));
    }
  }

  function steps(ctx, wavelength, values, frame, [from, to]) {
    for (let i = from; i < to; i += 1) {
      const [left, right] = edges(wavelength, frame, i);
      const y = frame.Y(values[i]);
      if (i === from) ctx.moveTo(left, y);
      else ctx.lineTo(left, y);
      ctx.lineTo(right, y);
    }
  }

  function joined(ctx, wavelength, values, frame, [from, to]) {
    for (let i = from; i < to; i += 1) {
      if (i === from) ctx.moveTo(frame.X(wavelength[i]), frame.Y(values[i]));
      else ctx.lineTo(frame.X(wavelength[i]), frame.Y(values[i]));
    }
  }

  /**
   * Draw values as a line: in steps where pixels are wide, `smooth` for what has no pixels.
   *
   * Only where `good(i)`, by default where they are finite.
   */
  function trace(ctx, wavelength, values, frame, { ink, width = 1, dash = [], smooth = false, good } = {}) {
    const [from, to] = shown(wavelength, frame);
    const dense = crowded(frame, from, to);
    const wide = (to - from) * 2.5 < frame.width;
    const draw = dense ? columns : wide && !smooth ? steps : joined;
    ctx.strokeStyle = ink;
    ctx.lineWidth = width;
    ctx.setLineDash(dash);
    ctx.lineJoin = "round";
    ctx.beginPath();
    for (const run of runs(from, to, good ?? ((i) => Number.isFinite(values[i])))) {
      const alone = run[1] - run[0] === 1; // a line through one point would not be seen
      (alone ? steps : draw)(ctx, wavelength, values, frame, run);
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }

  /** Fill what lies within one sigma of the values, in steps or columns like the trace. */
  function band(ctx, { wavelength, flux, sigma, mask }, frame, ink) {
    const [from, to] = shown(wavelength, frame);
    const dense = crowded(frame, from, to);
    ctx.fillStyle = ink;
    ctx.beginPath();
    for (const [start, end] of runs(from, to, (i) => !mask[i])) {
      const upper = [];
      const lower = [];
      for (let i = start; i < end;) {
        let [high, low] = [-Infinity, Infinity];
        let [left, right] = edges(wavelength, frame, i);
        const column = Math.floor(frame.X(wavelength[i]));
        do {
          high = Math.max(high, flux[i] + sigma[i]);
          low = Math.min(low, flux[i] - sigma[i]);
          i += 1;
        } while (dense && i < end && Math.floor(frame.X(wavelength[i])) === column);
        if (dense) [left, right] = [column, column + 1];
        upper.push([left, frame.Y(high)], [right, frame.Y(high)]);
        lower.push([left, frame.Y(low)], [right, frame.Y(low)]);
      }
      upper.concat(lower.reverse()).forEach(([x, y], k) => (k ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      ctx.closePath();
    }
    ctx.fill();
  }

  /** Runs of masked pixels in a frame, with their CSS pixels, and whether they are wide enough to be seen. */
  function maskedRuns({ wavelength, mask }, frame) {
    const [from, to] = shown(wavelength, frame);
    return runs(from, to, (i) => mask[i]).map(([start, end]) => {
      const [left, right] = [edges(wavelength, frame, start)[0], edges(wavelength, frame, end - 1)[1]];
      return { start, end, left, right, wide: right - left >= 2.5 };
    });
  }

  /** Shade masked pixels: over the whole height, or at the foot alone where they are as narrow as a line. */
  function masked(ctx, spectrum, frame, inks) {
    const bottom = frame.top + frame.height;
    for (const { left, right, wide } of maskedRuns(spectrum, frame)) {
      ctx.fillStyle = wide ? inks.masked : inks.faint;
      const top = wide ? frame.top : bottom - 6;
      ctx.fillRect(left, top, Math.max(1, right - left), bottom - top);
    }
  }

  /** Draw the flux of masked pixels, where they are wide enough not to be taken for lines. */
  function faint(ctx, spectrum, frame, ink) {
    const { wavelength, flux, mask } = spectrum;
    const drawn = new Uint8Array(mask.length);
    for (const { start, end, wide } of maskedRuns(spectrum, frame)) {
      if (wide) drawn.fill(1, Math.max(0, start - 1), Math.min(mask.length, end + 1));
    }
    trace(ctx, wavelength, flux, frame, { ink, good: (i) => drawn[i] && Number.isFinite(flux[i]) });
  }

  /** Mark at the frame's border where valid values lie beyond it. */
  function beyond(ctx, { wavelength, flux, mask }, frame, ink) {
    const [from, to] = shown(wavelength, frame);
    const [bottom, size] = [frame.top + frame.height, 4];
    ctx.fillStyle = ink;
    ctx.beginPath();
    for (let i = from; i < to; i += 1) {
      if (mask[i] || (flux[i] >= frame.y0 && flux[i] <= frame.y1)) continue;
      const x = frame.X(wavelength[i]);
      const [tip, base] = flux[i] > frame.y1 ? [frame.top + 1, frame.top + 1 + size] : [bottom - 1, bottom - 1 - size];
      ctx.moveTo(x, tip);
      ctx.lineTo(x - 0.7 * size, base);
      ctx.lineTo(x + 0.7 * size, base);
      ctx.closePath();
    }
    ctx.fill();
  }

  return { band, beyond, faint, masked, shown, trace };
})();

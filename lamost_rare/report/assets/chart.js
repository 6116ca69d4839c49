"use strict";

/** Drawing of spectra on canvas: frames, axes, traces. Nothing here knows what is shown. */
const Chart = (() => {
  /** Size of an element in CSS pixels; null where it is not shown. */
  function sizeOf({ clientWidth: width, clientHeight: height }) {
    return width && height ? { width, height } : null;
  }

  /** Give a canvas as many pixels as the screen has, and return its context in CSS pixels. */
  function prepare(canvas, width, height, ratio = devicePixelRatio || 1) {
    const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const ctx = canvas.getContext("2d");
    ctx.setTransform(w / Math.max(1, width), 0, 0, h / Math.max(1, height), 0, 0);
    ctx.clearRect(0, 0, width, height);
    return ctx;
  }

  /** A rectangle of a canvas, and the data that it shows: x in Å, y in any unit. */
  class Frame {
    constructor(box, x, y) {
      Object.assign(this, box, { x0: x[0], x1: x[1], y0: y[0], y1: y[1] });
    }

    /** CSS pixel of a wavelength. */
    X(value) {
      return this.left + ((value - this.x0) / (this.x1 - this.x0)) * this.width;
    }

    /** CSS pixel of a value. */
    Y(value) {
      return this.top + ((this.y1 - value) / (this.y1 - this.y0)) * this.height;
    }

    /** Wavelength at a CSS pixel. */
    wavelength(pixel) {
      return this.x0 + ((pixel - this.left) / this.width) * (this.x1 - this.x0);
    }

    /** Draw what `paint` does, inside the frame alone. */
    clipped(ctx, paint) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(this.left, this.top, this.width, this.height);
      ctx.clip();
      paint();
      ctx.restore();
    }
  }

  /** Round numbers between two others, about `most` of them. */
  function ticks(low, high, most) {
    const rough = (high - low) / Math.max(1, most);
    if (!(rough > 0) || !Number.isFinite(rough)) return { values: [], step: 1 };
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((k) => k * power >= rough * 0.999) * power;
    const values = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) values.push(k * step);
    return { values, step };
  }

  /** Digits that numbers in steps of `step` need behind the point. */
  const digits = (step) => Math.min(8, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));

  /** Power of ten to take out of an axis whose numbers are very large or very small; else 0. */
  function powerOf(low, high) {
    const largest = Math.max(Math.abs(low), Math.abs(high));
    if (!(largest > 0)) return 0;
    const power = Math.floor(Math.log10(largest));
    return power >= 5 || power <= -3 ? power : 0;
  }

  const SUPER = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const superscript = (number) => [...String(number)].map((c) => SUPER[c]).join("");

  function font(ctx, px, weight = "") {
    ctx.font = `${weight} ${Palette.scaled(px)}px system-ui, sans-serif`.trim();
  }

  /** Grid, and numbers of both axes; gives back the power of ten that is taken out of those of y. */
  function axes(ctx, frame, inks, { xNumbers = true, yTicks, size = 11, grid = true } = {}) {
    const em = Palette.scaled(size);
    const x = ticks(frame.x0, frame.x1, frame.width / (em * 7.5));
    const y = yTicks ? { values: yTicks, step: yTicks[1] - yTicks[0] || 1 }
      : ticks(frame.y0, frame.y1, frame.height / (em * 2.6));
    const power = powerOf(frame.y0, frame.y1);
    if (grid) rules(ctx, frame, x.values, y.values, inks.grid);
    font(ctx, size);
    ctx.fillStyle = inks.muted;
    if (xNumbers) numbersBelow(ctx, frame, x, em);
    numbersBeside(ctx, frame, y, power, em);
    return { power };
  }

  function rules(ctx, frame, x, y, ink) {
    const [right, bottom] = [frame.left + frame.width, frame.top + frame.height];
    ctx.lineWidth = 1;
    ctx.strokeStyle = ink;
    ctx.beginPath();
    for (const at of x.map((value) => snap(frame.X(value)))) line(ctx, at, frame.top, at, bottom);
    for (const at of y.map((value) => snap(frame.Y(value)))) line(ctx, frame.left, at, right, at);
    ctx.stroke();
  }

  function numbersBelow(ctx, frame, { values, step }, em) {
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    for (const value of values) {
      const at = Math.min(Math.max(frame.X(value), frame.left + em), frame.left + frame.width - em);
      ctx.fillText(value.toFixed(digits(step)), at, frame.top + frame.height + 0.35 * em);
    }
  }

  function numbersBeside(ctx, frame, { values, step }, power, em) {
    ctx.textAlign = "right";
    ctx.textBaseline = "middle";
    for (const value of values) {
      const at = Math.min(Math.max(frame.Y(value), frame.top + 0.5 * em), frame.top + frame.height - 0.4 * em);
      const text = (value / 10 ** power).toFixed(digits(step / 10 ** power)).replace("-", "−");
      ctx.fillText(text, frame.left - 0.5 * em, at);
    }
  }

  /** Draw the frame's outline. */
  function outline(ctx, frame, inks) {
    ctx.strokeStyle = inks.frame;
    ctx.lineWidth = 1;
    ctx.setLineDash([]);
    ctx.strokeRect(snap(frame.left), snap(frame.top), Math.round(frame.width), Math.round(frame.height));
  }

  /** Middle of a CSS pixel, where a line of one pixel is sharp. */
  const snap = (value) => Math.round(value) + 0.5;

  function line(ctx, x0, y0, x1, y1) {
    ctx.moveTo(x0, y0);
    ctx.lineTo(x1, y1);
  }

  return { Frame, axes, digits, font, line, outline, powerOf, prepare, sizeOf, snap, superscript, ticks };
})();

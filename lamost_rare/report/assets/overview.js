"use strict";

/**
 * The overview on the page: zoom and pan by pointer and by code, and what is under the cursor.
 *
 * Two canvases lie over each other, so that a moving cursor does not draw the spectrum anew.
 */
class Overview {
  static LEAST = 15; // Å: the narrowest range

  constructor(host) {
    const { h } = Elements;
    this.range = null; // null is the whole spectrum
    this.stretch = 1;
    this.scene = null;
    this.canvas = h("canvas", { role: "img", class: "v-canvas" });
    this.cover = h("canvas", { "aria-hidden": "true", class: "v-cover" });
    this.readout = h("p", { class: "v-readout" });
    this.plot = h("div", { class: "v-plot" }, this.canvas, this.cover);
    this.element = host;
    host.append(this.readout, this.plot);
    this.size = null; // asked for when the size has changed alone: to ask makes the browser lay out the page
    new ResizeObserver(() => {
      this.size = null;
      this.draw();
    }).observe(this.plot);
    this.listen();
  }

  /** Show a scene, with the range of wavelengths that is on. */
  show(scene) {
    this.scene = scene;
    this.draw();
    this.read(null);
  }

  /** Range of wavelengths that is shown. */
  get shown() {
    return this.range ?? Picture.whole(this.scene.spectrum);
  }

  draw() {
    this.size ??= Chart.sizeOf(this.plot);
    if (!this.scene || !this.size) return;
    const { width, height } = this.size;
    const ctx = Chart.prepare(this.canvas, width, height);
    const size = { width, height, range: this.shown, stretch: this.stretch };
    this.frames = Picture.draw(ctx, this.scene, size, Palette.inks());
    this.canvas.setAttribute("aria-label", this.described());
    this.drawCover(null);
  }

  described() {
    const [low, high] = this.shown.map(Math.round);
    const { standard, valid, spectrum } = this.scene;
    const model = standard ? `, over it the analytic model ${standard.type}` : "";
    return `Spectrum from ${low} to ${high} Å, ${valid} of ${spectrum.flux.length} pixels valid${model}`;
  }

  /** Set the range of wavelengths, within the spectrum; null for all of it. */
  view(range) {
    if (!this.scene) return;
    const [least, most] = Picture.whole(this.scene.spectrum);
    if (range) {
      const width = Math.min(most - least, Math.max(Overview.LEAST, range[1] - range[0]));
      const low = Math.min(Math.max(0.5 * (range[0] + range[1] - width), least), most - width);
      this.range = width < most - least ? [low, low + width] : null;
    } else {
      this.range = null;
    }
    this.draw();
  }

  /** Show the whole spectrum, at its own height. */
  reset() {
    this.stretch = 1;
    this.view(null);
  }

  /** Narrow the range by a factor, about a wavelength or the middle. */
  zoom(factor, about = null) {
    if (!this.scene) return;
    const [low, high] = this.shown;
    const at = about ?? 0.5 * (low + high);
    this.view([at - (at - low) / factor, at + (high - at) / factor]);
  }

  /** Move the range by a part of its width. */
  pan(part) {
    if (!this.scene) return;
    const [low, high] = this.shown;
    const by = part * (high - low);
    this.view([low + by, high + by]);
  }

  /** Make the flux taller by a factor. */
  taller(factor) {
    this.stretch = Math.min(50, Math.max(0.2, this.stretch * factor));
    this.draw();
  }

  listen() {
    const { cover } = this;
    this.held = new Map(); // pointers that are down, by their ids: where they went down and are
    cover.addEventListener("wheel", (event) => {
      if (!this.frames || event.ctrlKey) return;
      event.preventDefault();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.pan(0.001 * (event.deltaX || event.deltaY));
      } else this.zoom(Math.exp(-0.002 * event.deltaY), this.frames.flux.wavelength(event.offsetX));
      this.hover(event);
    }, { passive: false });
    cover.addEventListener("pointerdown", (event) => this.press(event));
    cover.addEventListener("pointermove", (event) => (this.held.size ? this.drag(event) : this.hover(event)));
    cover.addEventListener("pointerup", (event) => this.release(event));
    cover.addEventListener("pointercancel", () => this.held.clear());
    cover.addEventListener("pointerleave", () => this.held.size || this.hover(null));
    cover.addEventListener("dblclick", () => this.reset());
  }

  press(event) {
    if (event.button || !this.frames) return;
    this.cover.setPointerCapture(event.pointerId);
    this.held.set(event.pointerId, { from: event.offsetX, at: event.offsetX });
    this.grabbed = { range: this.shown, pan: event.shiftKey || event.pointerType === "touch" };
    if (this.held.size === 2) for (const pointer of this.held.values()) pointer.from = pointer.at;
  }

  drag(event) {
    const pointer = this.held.get(event.pointerId);
    if (!pointer) return;
    pointer.at = event.offsetX;
    const { range, pan } = this.grabbed;
    const scale = (range[1] - range[0]) / this.frames.flux.width;
    if (this.held.size === 2) this.pinch(range, scale);
    else if (pan) {
      const by = (pointer.from - pointer.at) * scale;
      this.view([range[0] + by, range[1] + by]);
    } else this.drawCover(null, pointer);
  }

  /** Two fingers: what was under each stays under it. */
  pinch(range, scale) {
    const [a, b] = [...this.held.values()];
    const { left } = this.frames.flux;
    const [wa, wb] = [a, b].map(({ from }) => range[0] + (from - left) * scale);
    if (Math.abs(a.at - b.at) < 10) return;
    const wide = (wb - wa) / (b.at - a.at);
    const low = wa - (a.at - left) * wide;
    if (wide > 0) this.view([low, low + wide * this.frames.flux.width]);
  }

  release(event) {
    const pointer = this.held.get(event.pointerId);
    this.held.delete(event.pointerId);
    if (!pointer || this.grabbed.pan) return;
    const ends = [pointer.from, pointer.at].sort((a, b) => a - b);
    if (ends[1] - ends[0] > 4) this.view(ends.map((x) => this.frames.flux.wavelength(x)));
    this.drawCover(null);
  }

  hover(event) {
    if (!this.frames) return;
    const { flux } = this.frames;
    const inside = event && event.offsetX >= flux.left && event.offsetX <= flux.left + flux.width;
    this.drawCover(inside ? event.offsetX : null);
    this.read(inside ? flux.wavelength(event.offsetX) : null);
  }

  /** Draw what moves with the pointer: a cursor, or the box that is being dragged. */
  drawCover(cursor, box = null) {
    const ctx = Chart.prepare(this.cover, this.size.width, this.size.height);
    const inks = Palette.inks();
    const { flux, residuals } = this.frames;
    const bottom = (residuals ?? flux).top + (residuals ?? flux).height;
    if (box) {
      ctx.fillStyle = inks.window;
      ctx.fillRect(Math.min(box.from, box.at), flux.top, Math.abs(box.at - box.from), bottom - flux.top);
    }
    if (cursor === null) return;
    ctx.strokeStyle = inks.muted;
    ctx.beginPath();
    Chart.line(ctx, Chart.snap(cursor), flux.top, Chart.snap(cursor), bottom);
    ctx.stroke();
  }

  /** Say what is at a wavelength. */
  read(wavelength) {
    const { spectrum, shown, lines } = this.scene;
    if (wavelength === null) {
      this.readout.textContent = matchMedia("(pointer: coarse)").matches ? "Drag: move. Two fingers: zoom."
        : "Wheel or drag: zoom. Shift and drag: move. Double click: all.";
      return;
    }
    const x = spectrum.wavelength;
    const right = Math.min(x.length - 1, Numerics.indexOf(x, wavelength));
    const i = right > 0 && wavelength - x[right - 1] < x[right] - wavelength ? right - 1 : right;
    const digits = Chart.digits(shown.sigma[i] / 5);
    const value = shown.mask[i] && !spectrum.mask[i] ? "no continuum"
      : `${Words.number(shown.flux[i], digits)} ± ${Words.number(shown.sigma[i], digits)}`;
    const line = Markers.nearest(lines, wavelength, Math.max(8, 0.01 * (this.shown[1] - this.shown[0])));
    const off = line && Math.round(Numerics.C_KM_S * (wavelength / line.at - 1));
    const parts = [`${wavelength.toFixed(1)} Å`, `flux ${value}`,
      spectrum.mask[i] ? "masked" : `S/N ${Words.number(spectrum.flux[i] / spectrum.sigma[i], 1)}`];
    if (line) parts.push(`${line.label} ${off < 0 ? "−" : "+"}${Math.abs(off)} km/s`);
    this.readout.replaceChildren(...parts.map((part) => Elements.h("span", {}, part)));
  }
}

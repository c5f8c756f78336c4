// What a server is told about a camera: classes, least score, importance, zones and masks, drawn on its picture.

import { Refusal, ask } from "./api.js";

/** The cameras' entries of GET /v1/cameras, by name; none where the server has no such list. */
export async function entries() {
  try {
    const { cameras } = await ask("/v1/cameras");
    return new Map(cameras.map((entry) => [entry.name, entry]));
  } catch (error) {
    if (error instanceof Refusal) return new Map();
    throw error;
  }
}

/** Zones and masks of an entry as pictures take them. */
export function areasOf(entry) {
  const masks = (entry?.masks ?? []).map((polygon) => ({ name: "", polygon }));
  return [...masks, ...(entry?.zones ?? [])];
}

/** Corners as a person may write them: "0.1 0.5, 0.9 0.5, 0.9 1". */
export function asCorners(text) {
  return text
    .split(",")
    .map((corner) => corner.trim().split(/\s+/).map(Number))
    .filter((corner) => corner.length === 2 && corner.every((side) => side >= 0 && side <= 1));
}

export function asText(polygon) {
  return polygon.map((corner) => corner.map((side) => String(Math.round(side * 1000) / 1000)).join(" ")).join(", ");
}

export class Settings {
  /** `form`: the dialog's part; `picture`: what is drawn on; `saved`: called after a change; `refused`: asks for a token. */
  constructor(form, picture, saved, refused) {
    this._form = form;
    this._picture = picture;
    this._saved = saved;
    this._refused = refused;
    this._rows = form.querySelector(".areas");
    this._name = null;
    form.addEventListener("submit", (event) => this._submit(event));
    form.addEventListener("input", () => this._draw());
    form.querySelector(".zone").addEventListener("click", () => this._addRow("zone", this._freeName(), [], true));
    form.querySelector(".mask").addEventListener("click", () => this._addRow("mask", "", [], true));
  }

  /** Of another camera; `entry`: null where nothing is said about it yet. */
  show(name, entry) {
    this._name = name;
    this._entry = entry;
    const { importance, score, classes } = this._form.elements;
    importance.value = entry?.importance ?? 1;
    score.value = entry?.min_score ?? 0;
    classes.value = (entry?.classes ?? []).join(", ");
    this._rows.replaceChildren();
    for (const { name: zone, polygon } of entry?.zones ?? []) this._addRow("zone", zone, polygon, false);
    for (const polygon of entry?.masks ?? []) this._addRow("mask", "", polygon, false);
    this._problem("");
    this._draw();
  }

  /** A corner more of the area that is being drawn; whether there is one. */
  corner(x, y) {
    const drawing = this._rows.querySelector(".row.drawing");
    if (drawing === null) return false;
    const corners = drawing.querySelector(".corners");
    corners.value = asText([...asCorners(corners.value), [x, y]]);
    this._draw();
    return true;
  }

  get drawing() {
    return this._rows.querySelector(".row.drawing") !== null;
  }

  stopDrawing() {
    for (const row of this._rows.querySelectorAll(".drawing")) row.querySelector(".draw").click();
  }

  _addRow(kind, name, polygon, drawing) {
    const row = this._form.querySelector("template").content.firstElementChild.cloneNode(true);
    row.dataset.kind = kind;
    row.querySelector(".called").value = kind === "zone" ? name : "mask";
    row.querySelector(".called").readOnly = kind === "mask";
    row.querySelector(".corners").value = asText(polygon);
    row.querySelector(".away").addEventListener("click", () => {
      row.remove();
      this._draw();
    });
    row.querySelector(".draw").addEventListener("click", () => this._toggle(row));
    this._rows.append(row);
    if (drawing) this._toggle(row);
    this._draw();
  }

  _toggle(row) {
    const draws = !row.classList.contains("drawing");
    for (const each of this._rows.children) {
      each.classList.toggle("drawing", draws && each === row);
      each.querySelector(".draw").textContent = draws && each === row ? "Done" : "Draw";
    }
    this._form.dispatchEvent(new CustomEvent("drawing", { detail: draws }));
  }

  _areas() {
    return [...this._rows.children].map((row) => ({
      kind: row.dataset.kind,
      name: row.dataset.kind === "zone" ? row.querySelector(".called").value.trim() || "zone" : "",
      polygon: asCorners(row.querySelector(".corners").value),
    }));
  }

  _draw() {
    this._picture.areas = this._areas();
    this._picture.redraw();
  }

  _freeName() {
    const used = this._areas().map(({ name }) => name);
    return Array.from({ length: 99 }, (_, number) => `zone-${number + 1}`).find((name) => !used.includes(name));
  }

  async _submit(event) {
    event.preventDefault();
    this.stopDrawing();
    const { importance, score, classes } = this._form.elements;
    const areas = this._areas();
    const settings = {
      importance: Number(importance.value),
      min_score: Number(score.value),
      classes: classes.value.split(",").map((each) => each.trim()).filter(Boolean),
      zones: areas.filter(({ kind }) => kind === "zone").map(({ name, polygon }) => ({ name, polygon })),
      masks: areas.filter(({ kind }) => kind === "mask").map(({ polygon }) => polygon),
    };
    try {
      await this._tell(settings);
      this._problem("");
      this._saved();
    } catch (error) {
      if (error instanceof Refusal && error.wantsToken) this._refused(error.message, () => this._form.requestSubmit());
      this._problem(error.message);
    }
  }

  async _tell(settings) {
    const known = (await entries()).get(this._name);
    if (known !== undefined && known.kept !== undefined) {
      return ask(`/v1/cameras/${encodeURIComponent(this._name)}`, { method: "PATCH", body: settings });
    }
    return ask("/v1/cameras", { method: "POST", body: { name: this._name, ...settings } });
  }

  _problem(words) {
    const place = this._form.querySelector(".problem");
    place.textContent = words;
    place.hidden = !words;
  }
}

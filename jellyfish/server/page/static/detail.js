// One camera, large: its picture, all figures, its misses in words, and how to remove it.

import { Refusal, ask } from "./api.js";
import { colour, inWords } from "./boxes.js";
import { Picture } from "./picture.js";
import { Settings, areasOf, entries } from "./settings.js";
import { drawSpark } from "./spark.js";
import { whyChip } from "./tile.js";
import { WHY, bitRate, clockTime, milliseconds, missedWords, percent, rate } from "./words.js";

const MOST_MISSES = 12;

export class Detail {
  /** `removed`: called with the name of a camera that is gone; `refused`: asks for a token, then calls what it is given. */
  constructor(dialog, removed, refused) {
    this._dialog = dialog;
    this._removed = removed;
    this._refused = refused;
    this._tile = null;
    this._sure = false;
    this._source = null; // as the server told it last
    this._why = ""; // it is so, in words
    this._picture = new Picture(dialog.querySelector(".picture"));
    const close = () => dialog.close();
    dialog.querySelector(".close").addEventListener("click", close);
    dialog.addEventListener("click", (event) => event.target === dialog && close());
    dialog.addEventListener("close", () => this._closed());
    dialog.querySelector(".remove").addEventListener("click", () => this._remove());
    dialog.querySelector(".keep").addEventListener("click", () => this._doubt(false));
    new ResizeObserver(() => this._picture.redraw()).observe(dialog.querySelector(".picture"));
    const form = dialog.querySelector("#settings");
    this._settings = new Settings(form, this._picture, () => this._load(), refused);
    form.addEventListener("drawing", ({ detail }) => dialog.querySelector(".picture").classList.toggle("drawing", detail));
    dialog.querySelector(".picture").addEventListener("pointerdown", (event) => this._pressed(event));
    dialog.addEventListener("cancel", (event) => {
      if (!this._settings.drawing) return;
      event.preventDefault(); // the first Escape ends the drawing
      this._settings.stopDrawing();
    });
  }

  get name() {
    return this._tile?.name ?? null;
  }

  open(tile) {
    this._tile = tile;
    this._dialog.querySelector("#detail-title").textContent = tile.name;
    this._problem("");
    this._doubt(false);
    this._dialog.querySelector(".remove").hidden = true; // until it is known whether the server fetches it
    this._picture.clear();
    this._dialog.showModal();
    this._picture.copy(tile.picture);
    this._source = null;
    this._why = "";
    this.tell();
    this._found(tile.answer ?? {});
    this._settings.show(tile.name, null);
    this._load();
  }

  /** What the server was told about the camera. */
  async _load() {
    const tile = this._tile;
    const entry = (await entries()).get(tile.name) ?? null;
    tile.picture.areas = areasOf(entry);
    if (tile !== this._tile) return;
    this._settings.show(tile.name, entry);
    this._dialog.querySelector(".remove").hidden = !entry?.fetched;
  }

  _pressed(event) {
    const { place } = this._picture;
    const frame = event.currentTarget.getBoundingClientRect();
    if (place === null) return;
    const share = (value, from, length) => Math.min(1, Math.max(0, (value - from) / length));
    const x = share(event.clientX - frame.left, place.left, place.width);
    const y = share(event.clientY - frame.top, place.top, place.height);
    if (this._settings.corner(x, y)) event.preventDefault();
  }

  close() {
    this._dialog.close();
  }

  /** The fleet has said something new. */
  tell() {
    const camera = this._tile?.camera;
    if (!camera) return;
    const rows = [
      ["In time, last minute", percent(camera.on_time?.minute) + (camera.estimated ? " (estimated)" : "")],
      ["In time, last hour", percent(camera.on_time?.hour)],
      ["Age of half of the answers", milliseconds(camera.age_ms?.p50)],
      ["Age of 99 % of them", milliseconds(camera.age_ms?.p99)],
      ["Due in", milliseconds(camera.slo_ms)],
      ["Size in use", camera.size ? camera.size.join(" × ") : "–"],
      ["Network", camera.variant ?? "–"],
      ["Pictures", camera.planned_fps ? `${rate(camera.planned_fps)} of its ${rate(camera.fps)}` : rate(camera.fps)],
      ["Uplink", bitRate(camera.uplink_kbps)],
      ["Importance", `${camera.importance ?? 1}`],
      ["Comes", camera.fetched ? "fetched by the server" : "by itself"],
    ];
    fill(this._dialog.querySelector(".figures tbody"), rows);
    drawSpark(this._dialog.querySelector(".spark"), camera.uplink_history ?? []);
    this._misses(camera.missed ?? []);
    this._veil(camera);
    if (camera.source === this._source) return;
    this._source = camera.source;
    this._why = "";
    if (["silent", "dead"].includes(camera.source)) this._askWhy();
  }

  /** What the server knows of a source that gives no pictures. */
  async _askWhy() {
    const tile = this._tile;
    const words = (await entries()).get(tile.name)?.words ?? "";
    if (tile !== this._tile) return;
    this._why = words;
    this._veil(tile.camera);
  }

  /** An answer of this camera. */
  take(answer, jpeg) {
    if (answer.missed !== undefined) return;
    this._found(answer);
    if (jpeg !== null) this._picture.show(answer, jpeg).then(() => this._tile?.camera && this._veil(this._tile.camera));
  }

  _veil(camera) {
    const veil = this._dialog.querySelector(".veil");
    veil.hidden = this._picture.shown && !["silent", "dead", "stopped"].includes(camera.source);
    const from = this._tile.root.querySelector(".veil");
    veil.querySelector("b").textContent = from.querySelector("b").textContent;
    const more = from.querySelector("span").textContent;
    veil.querySelector("span").textContent = this._why ? `${this._why}: ${more}` : more;
  }

  _found(answer) {
    const detections = answer.detections ?? [];
    const counts = new Map();
    for (const { label } of detections) counts.set(label, (counts.get(label) ?? 0) + 1);
    const parts = [...counts].sort((one, other) => other[1] - one[1]).map(([label, count]) => {
      const part = document.createElement("span");
      const mark = document.createElement("i");
      mark.style.background = colour(label);
      part.append(mark, `${count} ${label}`);
      return part;
    });
    const scores = (answer.scores ?? []).slice(0, 3).map(({ label, score }) => `${label} ${Math.round(100 * score)} %`).join(", ");
    this._dialog.querySelector(".legend").replaceChildren(...(parts.length ? parts : [scores || "nothing"]));
    this._dialog.querySelector(".boxes").setAttribute("aria-label", inWords(detections));
  }

  _misses(missed) {
    const newest = [...missed].sort((one, other) => new Date(other.time) - new Date(one.time)).slice(0, MOST_MISSES);
    const rows = newest.map(({ time, why, frames }) => {
      const words = document.createElement("span");
      words.append(whyChip(why, missedWords(why, frames ?? 1)), ` ${WHY[why]?.[1] ?? ""}`);
      return [clockTime(time), words];
    });
    fill(this._dialog.querySelector(".missed tbody"), rows.length ? rows : [["none in the last hour"]]);
  }

  async _remove() {
    if (!this._sure) return this._doubt(true);
    const name = this._tile.name;
    try {
      await ask(`/v1/cameras/${encodeURIComponent(name)}`, { method: "DELETE" });
      this._dialog.close();
      this._removed(name);
    } catch (error) {
      if (error instanceof Refusal && error.wantsToken) return this._refused(error.message, () => this._remove());
      this._problem(error.message);
      this._doubt(false);
    }
  }

  _doubt(sure) {
    this._sure = sure;
    this._dialog.querySelector(".keep").hidden = !sure;
    const remove = this._dialog.querySelector(".remove");
    remove.textContent = sure ? `Yes, remove ${this.name}` : "Remove this camera";
    if (sure) remove.scrollIntoView({ block: "nearest" }); // the button beside it may have moved it out of sight
  }

  _problem(words) {
    const place = this._dialog.querySelector("#detail-problem");
    place.textContent = words;
    place.hidden = !words;
  }

  _closed() {
    const tile = this._tile;
    this._tile = null;
    tile?.focus();
  }
}

function fill(body, rows) {
  body.replaceChildren(
    ...rows.map((cells) => {
      const row = document.createElement("tr");
      for (const cell of cells) row.insertCell().append(cell);
      return row;
    }),
  );
}

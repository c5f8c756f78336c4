// A camera's tile.

import { inWords } from "./boxes.js";
import { Picture } from "./picture.js";
import { drawSpark } from "./spark.js";
import { SOURCE, WHY, bitRate, milliseconds, missedWords, percent, rate } from "./words.js";

const SPOKEN_MS = 5000; // how often what is in a picture is told anew to those who cannot see it
const LATELY_MS = 60_000;
const LIMIT = 0.8; // where on the scale of ages the SLO is

export class Tile {
  constructor(template, name, opened) {
    this.root = template.content.firstElementChild.cloneNode(true);
    this.name = name;
    this.camera = null;
    this.answer = null;
    this.picture = new Picture(this.root.querySelector(".picture"));
    this._openButton = this.root.querySelector(".open");
    this._spokenMs = -Infinity;
    this.root.dataset.camera = name;
    this.root.querySelector("h2").textContent = name;
    this._openButton.setAttribute("aria-label", `${name}: open`);
    this._openButton.addEventListener("click", opened);
  }

  focus() {
    this._openButton.focus();
  }

  /** What the fleet says of it, at that time. */
  tell(camera, time) {
    this.camera = camera;
    const state = camera.source in SOURCE ? camera.source : "unknown";
    this.root.dataset.state = state === "unknown" ? "live" : state;
    this.root.querySelector(".plate .word").textContent = this.root.dataset.state === "live" ? "" : SOURCE[state];
    this.root.querySelector(".chip").hidden = this.answer === null || this.root.dataset.state !== "live";
    this._fact("minute", percent(camera.on_time?.minute), grade(camera.on_time?.minute));
    this._fact("hour", camera.on_time?.hour == null ? "" : `hour ${percent(camera.on_time.hour)}${camera.estimated ? " (est.)" : ""}`);
    this._fact("size", camera.size ? camera.size.join(" × ") : "–");
    this._fact("variant", sizeWords(camera));
    this._fact("uplink", bitRate(camera.uplink_kbps));
    drawSpark(this.root.querySelector(".spark"), camera.uplink_history ?? []);
    this._ages(camera);
    this._misses((camera.missed ?? []).filter((missed) => new Date(time) - new Date(missed.time) < LATELY_MS));
    this._veil(camera);
  }

  /** An answer, with a picture or without. */
  take(answer, jpeg) {
    const now = performance.now();
    if (answer.missed !== undefined) return;
    this.answer = answer;
    const chip = this.root.querySelector(".chip");
    chip.hidden = this.root.dataset.state !== "live";
    chip.textContent = milliseconds(answer.age_ms);
    chip.classList.toggle("late", answer.on_time === false);
    if (now - this._spokenMs > SPOKEN_MS) {
      this._spokenMs = now;
      this._openButton.setAttribute("aria-label", `${this.name}: ${inWords(answer.detections ?? [])}. Open`);
    }
    if (jpeg !== null) this.picture.show(answer, jpeg).then(() => this.camera && this._veil(this.camera));
  }

  _fact(name, words, standing = "") {
    const place = this.root.querySelector(`[data-fact="${name}"]`);
    if (place.textContent !== words) place.textContent = words;
    place.className = standing;
  }

  _ages({ age_ms: ages, slo_ms: slo }) {
    const scale = this.root.querySelector(".scale");
    const share = (age) => `${slo && age ? Math.min(100, (100 * LIMIT * age) / slo) : 0}%`;
    scale.querySelector(".usual").style.width = share(ages?.p50);
    scale.querySelector(".tail").style.width = share(ages?.p99);
    scale.classList.toggle("over", slo !== null && (ages?.p50 ?? 0) > slo);
    const known = ages?.p50 != null;
    this._fact("ages", known ? `Age ${milliseconds(ages.p50)}, 99 % within ${milliseconds(ages.p99)}` : "No answers lately");
    this._fact("slo", slo ? `due in ${milliseconds(slo)}` : "");
  }

  _misses(missed) {
    const place = this.root.querySelector(".misses");
    const counts = new Map();
    for (const { why, frames } of missed) counts.set(why, (counts.get(why) ?? 0) + (frames ?? 1));
    const key = JSON.stringify([...counts]);
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    const chips = [...counts].map(([why, frames]) => whyChip(why, missedWords(why, frames)));
    place.replaceChildren(chips.length ? "Missed in the last minute:" : "Nothing missed in the last minute", ...chips);
  }

  _veil(camera) {
    const veil = this.root.querySelector(".veil");
    const words = {
      opening: ["Opening …", ""],
      silent: ["No pictures", "it is connected, and sends none"],
      dead: ["Not there", "it is tried again and again"],
      stopped: ["Stopped", ""],
    }[camera.source];
    const waiting = camera.mapped === false ? ["No room", "a picture now and then, until there is"] : ["Waiting for a picture", ""];
    const [title, more] = words ?? waiting;
    veil.hidden = words === undefined && this.picture.shown;
    veil.querySelector("b").textContent = title;
    veil.querySelector("span").textContent = more;
  }
}

export function whyChip(why, words) {
  const chip = document.createElement("span");
  chip.className = "why";
  chip.dataset.why = why;
  chip.textContent = words;
  chip.title = WHY[why]?.[1] ?? "";
  return chip;
}

export function grade(share) {
  if (share === null || share === undefined) return "";
  return share >= 99 ? "good" : share >= 95 ? "fair" : "poor";
}

function sizeWords({ variant, planned_fps: planned, fps }) {
  const network = (variant ?? "").replace(/-\d+$/, "");
  return [network, rate(planned ?? fps)].filter((part) => part && part !== "–").join(" · ");
}

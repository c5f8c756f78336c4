// What stands above the tiles: how the whole server fares.

import { grade } from "./tile.js";
import { percent } from "./words.js";

const element = (id) => document.getElementById(id);

export function tellOverview(fleet) {
  element("overview").hidden = false;
  put("model", fleet.model ?? "");
  attained(fleet);
  cameras(fleet.cameras);
  devices(fleet.devices ?? []);
  put("planning", planning(fleet.planning_share));
  room(fleet.room);
}

function planning(share) {
  if (share == null) return "";
  return share < 0.001 ? "Planning takes under 0.1 % of a core" : `Planning takes ${percent(100 * share)} of a core`;
}

function attained({ on_time: onTime, target }) {
  put("attained", percent(onTime?.minute));
  const reached = target != null && onTime?.minute >= target;
  element("attained").className = `figure ${reached ? "good" : grade(onTime?.minute)}`;
  const parts = [target == null ? "last minute" : `target ${target} %`];
  if (onTime?.hour != null) parts.push(`last hour ${percent(onTime.hour)}`);
  put("attained-words", parts.join(" · "));
}

function cameras(all) {
  const missing = all.filter(({ source }) => ["silent", "dead", "opening"].includes(source));
  const without = all.filter(({ mapped }) => mapped === false);
  put("cameras", `${all.length - missing.length}`);
  element("cameras").append(small(` of ${all.length} live`));
  const named = (some) => some.map(({ name }) => name).slice(0, 3).join(", ") + (some.length > 3 ? " …" : "");
  const words = [];
  if (missing.length) words.push(`no pictures: ${named(missing)}`);
  if (without.length) words.push(`no room: ${named(without)}`);
  put("cameras-words", words.join(" · ") || (all.length ? "all send pictures" : "none yet"));
}

function devices(all) {
  const items = all.map(({ name, state, busy_share: busy, slow_down: slow }) => {
    const item = document.createElement("li");
    const called = document.createElement("span");
    called.className = "name";
    called.textContent = name;
    const words = document.createElement("span");
    const parts = [busy == null ? "" : `${Math.round(100 * busy)} % busy`, slow > 1.15 ? `${slow.toFixed(1)} × slower` : "", state === "working" ? "" : state];
    words.textContent = parts.filter(Boolean).join(", ");
    if (state !== "working") words.className = "poor";
    const track = document.createElement("span");
    track.className = "track";
    const bar = document.createElement("i");
    bar.style.width = `${Math.min(100, 100 * (busy ?? 0))}%`;
    track.append(bar);
    item.append(called, words, track);
    return item;
  });
  element("devices").replaceChildren(...items);
}

function room(told) {
  const count = told?.cameras ?? null;
  const words = told?.words ?? "not known yet";
  const [, least, rest] = /^Room for (at least )?\d+ more (.*)/.exec(words) ?? [null, "", words];
  put("room", count === null ? "–" : count === 0 ? "No" : `Yes, ${least ?? ""}${count}`);
  if (count > 0) element("room").append(small(" more"));
  element("room").className = `figure ${count === 0 ? "fair" : ""}`;
  put("room-words", rest);
}

function small(words) {
  const part = document.createElement("small");
  part.textContent = words;
  return part;
}

function put(id, words) {
  if (element(id).textContent !== words) element(id).textContent = words;
}

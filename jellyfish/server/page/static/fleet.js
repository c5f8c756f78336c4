// The page /: a tile for each camera, and what stands above them.

import { Adding } from "./adding.js";
import { Refusal, ask, keepToken } from "./api.js";
import { Detail } from "./detail.js";
import { tellOverview } from "./overview.js";
import { areasOf, entries } from "./settings.js";
import { Tile } from "./tile.js";
import { Watching } from "./watching.js";
import { SOURCE } from "./words.js";

const POLL_MS = 1000;
const TOLD_MS = 2500; // while the fleet is told so often, it is not asked for
const ENTRIES_MS = 15_000; // how often it is looked whether cameras have other zones
const element = (id) => document.getElementById(id);
const tiles = new Map();

let timer = 0;
let afterToken = null;
let entriesAt = -Infinity;
let toldAt = -Infinity;
let failing = false;
let watched = null; // whether answers come; null before it is known

const detail = new Detail(element("detail"), gone, askForToken);
const adding = new Adding((name) => say(`${name} is added`), askForToken);
const watching = new Watching({
  answer: answered,
  fleet: (fleet) => {
    toldAt = performance.now();
    tell(fleet);
  },
  open: () => connected(true),
  lost: () => connected(false),
});

element("add").addEventListener("click", () => adding.open("phone", [...tiles.keys()]));
for (const button of document.querySelectorAll("[data-add]")) {
  button.addEventListener("click", () => adding.open(button.dataset.add, [...tiles.keys()]));
}
element("command").textContent = `jellyfish camera SOURCE --connect ${location.origin.replace("http", "ws")}/v1/stream`;
element("tiles").addEventListener("keydown", stepped);
element("entering").addEventListener("submit", entered);
element("not-now").addEventListener("click", () => element("asking").close());
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : wake()));
new ResizeObserver(() => tiles.forEach((tile) => tile.picture.redraw())).observe(element("tiles"));
wake();

// --- what is asked for --------------------------------------------------------------------------------

function wake() {
  clearTimeout(timer);
  poll();
}

/** Nobody looks: the server is spared. */
function rest() {
  clearTimeout(timer);
  watching.stop();
}

async function poll() {
  try {
    if (performance.now() - toldAt > TOLD_MS) {
      tell(await ask("/v1/fleet"));
      failed("");
      if (!document.hidden) watching.start();
    }
    if (performance.now() - entriesAt > ENTRIES_MS) await tellEntries();
  } catch (error) {
    if (error instanceof Refusal && error.wantsToken) {
      askForToken(error.message, wake, "watch");
      state("no token", "silent");
      return;
    }
    failed(error instanceof Refusal ? `The server says: ${error.message}` : "The server does not answer. Trying again …");
  }
  if (!document.hidden) timer = setTimeout(poll, POLL_MS);
}

function failed(words) {
  failing = words !== "";
  element("banner").textContent = words;
  element("banner").hidden = !words;
  tellState();
}

function connected(open) {
  watched = open;
  tellState();
}

function tellState() {
  if (failing) state("not connected", "dead");
  else if (watched !== null) state(watched ? "live" : "connecting again", watched ? "live" : "silent");
}

function state(words, kind) {
  element("state").textContent = words;
  element("state").dataset.state = kind;
}

// --- what is told -------------------------------------------------------------------------------------

function tell(fleet) {
  tellOverview(fleet);
  const names = new Set(fleet.cameras.map(({ name }) => name));
  for (const name of [...tiles.keys()]) if (!names.has(name)) gone(name);
  fleet.cameras.forEach((camera, place) => {
    const tile = tileOf(camera.name, place);
    const before = tile.camera?.source;
    tile.tell(camera, fleet.time);
    if (before !== undefined && before !== camera.source) say(`${camera.name} is ${SOURCE[camera.source] ?? camera.source}`);
    if (before === undefined) adding.came(camera.name);
  });
  element("empty").hidden = names.size > 0;
  document.title = names.size ? `${names.size} cameras · Jellyfish` : "Jellyfish";
  detail.tell();
}

async function tellEntries() {
  entriesAt = performance.now();
  const said = await entries();
  for (const [name, tile] of tiles) tile.picture.areas = areasOf(said.get(name));
}

function tileOf(name, place) {
  let tile = tiles.get(name);
  if (tile === undefined) {
    tile = new Tile(element("tile"), name, () => detail.open(tiles.get(name)));
    tiles.set(name, tile);
  }
  const now = element("tiles").children[place];
  if (now !== tile.root) element("tiles").insertBefore(tile.root, now ?? null);
  return tile;
}

function gone(name) {
  const tile = tiles.get(name);
  if (tile === undefined) return;
  if (detail.name === name) detail.close();
  const held = tile.root.contains(document.activeElement);
  tile.root.remove();
  tiles.delete(name);
  if (held) ([...tiles.values()][0]?.focus ?? (() => element("add").focus())).call([...tiles.values()][0]);
  say(`${name} is gone`);
}

function answered(answer, jpeg) {
  tiles.get(answer.camera)?.take(answer, jpeg);
  if (detail.name === answer.camera) detail.take(answer, jpeg);
}

function say(words) {
  element("said").textContent = words;
}

// --- keys and tokens ----------------------------------------------------------------------------------

/** Arrows go from tile to tile, as they lie on the screen. */
function stepped(event) {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  const from = event.target.closest(".tile");
  if (way === undefined || from === null) return;
  const middle = (tile) => {
    const { left, top, width, height } = tile.getBoundingClientRect();
    return [left + width / 2, top + height / 2];
  };
  const [x, y] = middle(from);
  const cost = (tile) => {
    const [across, down] = [middle(tile)[0] - x, middle(tile)[1] - y];
    const along = across * way[0] + down * way[1];
    const aside = Math.abs(across * way[1]) + Math.abs(down * way[0]);
    return along > 1 && along >= aside ? along + 2 * aside : Infinity;
  };
  const others = [...element("tiles").children].filter((tile) => tile !== from);
  const nearest = others.reduce((best, tile) => (cost(tile) < cost(best ?? tile) || best === null ? tile : best), null);
  if (nearest === null || cost(nearest) === Infinity) return;
  event.preventDefault();
  tiles.get(nearest.dataset.camera).focus();
}

/** Ask the person for a token; then do what could not be done without. */
function askForToken(why, then, purpose = "administration") {
  afterToken = { then, purpose };
  element("asking-words").textContent = `${why[0].toUpperCase()}${why.slice(1)}.`;
  element("token").value = "";
  if (!element("asking").open) element("asking").showModal();
}

function entered() {
  const { then, purpose } = afterToken;
  keepToken(element("token").value.trim(), purpose);
  watching.stop();
  wake();
  if (then !== wake) then();
}

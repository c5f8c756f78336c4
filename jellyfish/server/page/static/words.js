// Figures as people read them.

/** A share in per cent: as many digits as tell it from 100. */
export function percent(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100) return "100 %";
  const digits = value >= 99.9 ? 2 : 1;
  const rounded = Math.floor(value * 10 ** digits) / 10 ** digits; // 99.99 of 100 is not all
  return `${rounded.toFixed(digits)} %`;
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 10_000) return `${(value / 1000).toFixed(0)} s`;
  return value >= 1000 ? `${(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`;
}

export function bitRate(kbps) {
  if (kbps === null || kbps === undefined) return "–";
  if (kbps >= 999_500) return `${(kbps / 1_000_000).toFixed(1)} Gbit/s`;
  if (kbps >= 9_950) return `${Math.round(kbps / 1000)} Mbit/s`; // a digit more has no room on a phone
  return kbps >= 999.5 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export function rate(fps) {
  return fps === null || fps === undefined ? "–" : `${Math.round(fps * 10) / 10} fps`;
}

export function clockTime(when) {
  return new Date(when).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

/** Who cost a frame its time, and what that means; the `why` of a miss. */
export const WHY = {
  network: ["Network", "the link from the camera was too slow or was gone"],
  server: ["Server", "the server took longer than planned"],
  overload: ["Overload", "there was more to do than fits in time"],
  host: ["Host", "the server's own machine had too much to do"],
  source: ["Source", "the camera gave no picture"],
  camera: ["Camera", "the machine beside the camera was busy"],
};

/** So many frames that were missed; of a camera whose rate nobody knows, it is not known how many. */
export function missedWords(why, frames) {
  return [WHY[why]?.[0] ?? why, frames || ""].join(" ").trim();
}

export const SOURCE = {
  live: "live",
  opening: "opening",
  silent: "silent",
  dead: "not there",
  stopped: "stopped",
  unknown: "live",
};

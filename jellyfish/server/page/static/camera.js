// The page /camera: this device's camera, its pictures on their way, and what comes back.

import { Refusal, ask, keepToken, token } from "./api.js";
import { drawBoxes, inWords, sized } from "./boxes.js";
import { OnTime } from "./on_time.js";
import { Sender } from "./sender.js";
import { bitRate, milliseconds, percent } from "./words.js";

const FADE_MS = 700; // boxes that nothing has renewed for so long are of a scene that has gone
const SPOKEN_MS = 5000;
const GUEST = "jellyfish.guest"; // what an invitation was exchanged for: a camera's name and its token
const element = (id) => document.getElementById(id);
const video = element("video");
const boxes = element("boxes");

let sender = null;
let stream = null;
let facing = "environment";
let mirrored = false;
let shown = [];
let fading = 0;
let spokenAt = 0;
let awake = null;
let onTime = new OnTime();

const invitation = new URLSearchParams(location.hash.slice(1));
let guest = JSON.parse(sessionStorage.getItem(GUEST) ?? "null");
if (invitation.has("code") || (invitation.has("camera") && invitation.get("camera") !== guest?.camera)) guest = null;

element("name").value = invitation.get("camera") ?? guest?.camera ?? localStorage.getItem("jellyfish.name") ?? usualName();
element("name").readOnly = invitation.has("code") || guest !== null;
if (!window.isSecureContext || !navigator.mediaDevices?.getUserMedia) {
  const secure = `https://${location.host}/camera`;
  problem(
    window.isSecureContext
      ? "This browser gives pages no camera."
      : `Browsers open the camera only for pages that come over HTTPS. Open ${secure} (the server: jellyfish serve --tls self-signed).`,
  );
  element("start").querySelector("button").disabled = true;
}

element("start").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = element("start").querySelector("button");
  button.disabled = true;
  element("problem").hidden = true;
  try {
    const allowed = await admission();
    await openCamera();
    begin(allowed);
  } catch (error) {
    if (error instanceof Refusal && error.wantsToken) element("token-row").hidden = false;
    problem(inPlainWords(error));
    closeCamera();
  } finally {
    button.disabled = false;
  }
});
element("stop").addEventListener("click", () => end(""));
element("turn").addEventListener("click", async () => {
  facing = facing === "environment" ? "user" : "environment";
  try {
    await openCamera();
  } catch (error) {
    trouble(inPlainWords(error));
  }
});
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && sender && stayAwake());
new ResizeObserver(draw).observe(boxes);
window.addEventListener("pagehide", () => sender?.stop());

/** The token to stream with, or null where none is asked for; Refusal where this device is not let in. */
async function admission() {
  if (invitation.has("code")) {
    guest = await ask("/camera/accept", { method: "POST", bearer: invitation.get("code") });
    sessionStorage.setItem(GUEST, JSON.stringify(guest));
    invitation.delete("code"); // good once
    history.replaceState(null, "", `#${invitation}`);
  }
  if (element("token").value) {
    guest = null;
    element("name").readOnly = false;
    keepToken(element("token").value.trim());
  }
  const bearer = guest?.token ?? token();
  try {
    await ask("/v1/stream", { bearer });
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 400) throw forgetting(error); // 400: only that it is no WebSocket
  }
  return bearer;
}

function forgetting(error) {
  if (error instanceof Refusal && error.wantsToken) {
    sessionStorage.removeItem(GUEST);
    guest = null;
    element("name").readOnly = false;
  }
  return error;
}

async function openCamera() {
  closeCamera();
  const wanted = { facingMode: { ideal: facing }, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  const [track] = stream.getVideoTracks();
  track.addEventListener("ended", () => end("The camera was taken away from this page."));
  mirrored = track.getSettings().facingMode === "user";
  video.srcObject = stream;
  video.classList.toggle("mirrored", mirrored);
  await video.play();
  const devices = await navigator.mediaDevices.enumerateDevices();
  element("turn").hidden = devices.filter(({ kind }) => kind === "videoinput").length < 2;
}

function closeCamera() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
}

function begin(bearer) {
  const name = element("name").value.trim();
  if (!guest) localStorage.setItem("jellyfish.name", name);
  const slo = Number(element("slo").value);
  onTime = new OnTime();
  sender = new Sender(video, { client: name, fps: Number(element("fps").value), slo_ms: slo }, bearer);
  sender.addEventListener("state", ({ detail }) => told(detail));
  sender.addEventListener("result", ({ detail }) => answered(detail, slo));
  sender.addEventListener("plan", ({ detail: { plan } }) => planned(plan));
  sender.addEventListener("seconds", ({ detail: { report } }) => counted(report));
  element("of-slo").textContent = `of ${slo} ms`;
  element("called").textContent = name;
  for (const id of ["stage", "hud", "called", "state"]) element(id).hidden = false;
  element("setup").hidden = true;
  element("stop").focus();
  stayAwake();
}

function end(why) {
  sender?.stop();
  sender = null;
  closeCamera();
  awake?.release().catch(() => {});
  for (const id of ["stage", "hud", "called", "state"]) element(id).hidden = true;
  element("setup").hidden = false;
  if (why) problem(why);
  element("start").querySelector("button").focus();
}

function told({ state, why }) {
  const words = { live: "live", away: "connecting again", connecting: "connecting", stopped: "stopped", refused: "refused" };
  element("state").textContent = words[state];
  element("state").dataset.state = state === "live" ? "live" : "silent";
  if (state === "live") {
    trouble("");
    onTime.begin();
  }
  if (state === "away") {
    show([]);
    trouble(`No server: ${why}. Trying again.`);
  }
  if (state === "refused") end(`The server said no: ${why}.`);
}

function answered({ result, ageMs, classes }, slo) {
  if (result.reason !== undefined) return;
  const now = performance.now();
  const named = ([label, score, ...box]) => ({ label: classes[label], score, box });
  show((result.detections ?? []).map(named));
  if (result.scores) element("found").textContent = result.scores.slice(0, 3).map(([label, score]) => `${classes[label]} ${Math.round(100 * score)} %`).join(", ");
  if (ageMs !== null) {
    element("age").textContent = milliseconds(ageMs);
    element("age").classList.toggle("late", ageMs > slo);
  }
  element("uplink").textContent = result.bandwidth_kbps ? bitRate(result.bandwidth_kbps) : "–";
  if (now - spokenAt > SPOKEN_MS && !result.scores) {
    spokenAt = now;
    boxes.setAttribute("aria-label", inWords(shown));
  }
  if (!result.scores) element("found").textContent = inWords(shown);
}

function planned(plan) {
  const [width, height] = sender.conversation?.inputAt(plan.resolution) ?? [plan.resolution, plan.resolution];
  element("size").textContent = plan.mapped ? `${width} × ${height}` : "waiting";
  trouble(plan.mapped ? "" : "The server has no room for this camera at the moment: it is tried now and then.");
}

function counted(report) {
  onTime.add(performance.now(), report);
  element("on-time").textContent = percent(onTime.lastMinute);
}

/** Boxes of the newest answer; they go when no other renews them. */
function show(detections) {
  shown = detections;
  clearTimeout(fading);
  if (detections.length) fading = setTimeout(() => show([]), FADE_MS);
  requestAnimationFrame(draw);
}

function draw() {
  if (sender === null) return;
  const { context, width, height } = sized(boxes);
  context.clearRect(0, 0, width, height);
  drawBoxes(context, shown, covering(video.videoWidth, video.videoHeight, width, height), mirrored);
}

/** Where a picture is that covers all of a place, as `object-fit: cover` puts it. */
function covering(pictureWidth, pictureHeight, width, height) {
  const scale = Math.max(width / (pictureWidth || 1), height / (pictureHeight || 1));
  const [across, down] = [pictureWidth * scale, pictureHeight * scale];
  return { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down };
}

async function stayAwake() {
  try {
    awake = await navigator.wakeLock?.request("screen");
  } catch {
    awake = null; // the screen may go dark: the camera goes on until then
  }
}

function problem(words) {
  element("problem").textContent = words;
  element("problem").hidden = !words;
}

function trouble(words) {
  element("trouble").textContent = words;
  element("trouble").hidden = !words;
}

function inPlainWords(error) {
  const known = {
    NotAllowedError: "The browser was told to give this page no camera. Allow it in the address bar, then start again.",
    NotFoundError: "This device has no camera that the browser can find.",
    NotReadableError: "The camera is used by another program.",
    OverconstrainedError: "This camera does not do what was asked of it.",
    TypeError: "The server does not answer. Is it running, and on this network?",
  };
  return known[error.name] ?? error.message;
}

function usualName() {
  return /Mobi|Android|iPhone|iPad/.test(navigator.userAgent) ? "phone" : "laptop";
}

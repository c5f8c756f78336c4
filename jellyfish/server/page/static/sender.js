// A browser's camera as a client of the stream: newest frame only, at most as many on their way as the server takes.
// The rim: sockets, timers, canvases. What is decided is decided by conversation.js, ledger.js and sizing.js.

import { Conversation, RetryPace, Thinner, fitted, isHopeless } from "./conversation.js";
import { Ledger } from "./ledger.js";
import { FRAME_OVERHEAD_BYTES, ProtocolError } from "./protocol.js";
import { Sizer } from "./sizing.js";

const QUALITY = 0.9;
const TICK_MS = 50;

export class Sender extends EventTarget {
  /** `hello`: client, fps, slo_ms. `token`: null where none is needed. Events: state, result, plan, seconds. */
  constructor(video, hello, token) {
    super();
    this.hello = hello;
    this.state = "connecting";
    this._video = video;
    this._token = token;
    this._pace = new RetryPace();
    this._staged = document.createElement("canvas");
    this._encoded = document.createElement("canvas");
    this._frame = 0;
    this._stopped = false;
    this._ownRate = new Thinner();
    this._timer = setInterval(() => this._tick(), TICK_MS);
    this._watchVideo();
    this._connect();
  }

  get conversation() {
    return this._conversation;
  }

  get report() {
    return this._ledger?.report ?? null;
  }

  /** Say goodbye and send nothing more. */
  stop() {
    this._stopped = true;
    clearInterval(this._timer);
    clearTimeout(this._retry);
    if (this._conversation?.state === "open" && this._socket.readyState === WebSocket.OPEN) {
      this._conversation.bye(this._ledger.report);
      this._flush();
      setTimeout(() => this._socket.close(), 500);
    } else {
      this._socket?.close();
    }
    this._tell("stopped", "");
  }

  _connect() {
    const url = new URL("/v1/stream", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const protocols = this._token === null ? ["jellyfish"] : ["jellyfish", `jellyfish.token.${this._token}`];
    const socket = new WebSocket(url, protocols);
    socket.binaryType = "arraybuffer";
    this._socket = socket;
    this._conversation = null;
    socket.onopen = () => {
      this._conversation = new Conversation(this.hello, seconds());
      this._flush();
    };
    socket.onmessage = ({ data }) => socket === this._socket && this._receive(data);
    socket.onclose = () => socket === this._socket && this._lost(new ProtocolError("gone", "the connection ended"));
  }

  _receive(data) {
    const now = seconds();
    try {
      if (typeof data === "string") throw new ProtocolError("text", "the server sent text");
      const message = this._conversation.receive(data, now);
      if (message !== null) this._take(message, now);
      this._flush();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this._lost(error);
    }
  }

  _take({ name, fields }, now) {
    if (name === "welcome") {
      this._ledger = new Ledger(this.hello.slo_ms / 1000, fields.max_in_flight);
      this._sizer = new Sizer(this.hello.fps, this.hello.slo_ms / 1000, fields.resolutions);
      this._planRate = new Thinner();
      this._probeDueS = -Infinity;
      this._tell("live", "");
    } else if (name === "arrived") {
      const sent = this._ledger.arrived(now, fields.frame);
      if (sent) this._sizer.arrived(1000 * fields.bandwidth_kbps, now - sent.sentS - fields.uplink_ms / 1000);
      this._sendNext();
    } else if (name === "result") {
      const sent = this._ledger.answered(now, fields);
      if (sent && fields.reason === undefined) {
        const restS = now - sent.sentS - (fields.uplink_ms ?? 0) / 1000;
        this._sizer.answered(1000 * (fields.bandwidth_kbps ?? 0), restS);
      }
      const ageMs = sent ? 1000 * (now - sent.capturedS) : null;
      this._emit("result", { result: fields, ageMs, classes: this._conversation.welcome.classes });
      this._sendNext();
    }
    if (name === "plan" || name === "welcome") {
      const { plan } = this._conversation;
      this._sizer.fps = Math.min(this.hello.fps, plan.fps ?? this.hello.fps);
      this._emit("plan", { plan });
    }
  }

  _tick() {
    const now = seconds();
    if (this._conversation === null) return;
    try {
      const reports = this._conversation.timeout(now);
      if (this._conversation.state !== "open") return;
      this._ledger.expire(now);
      if (reports) {
        this._conversation.report(this._ledger.report);
        this._emit("seconds", { report: this._ledger.report });
      }
      this._sendNext();
      this._flush();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this._lost(error);
    }
  }

  _lost(error) {
    if (this._stopped) return;
    const openedS = this._conversation?.openedS ?? null;
    const openS = openedS === null ? 0 : seconds() - openedS;
    const socket = this._socket;
    this._socket = null;
    this._conversation = null;
    socket?.close();
    if (isHopeless(error.code, openS)) {
      this.stop();
      this._tell("refused", error.message);
      return;
    }
    this._tell("away", error.message);
    this._retry = setTimeout(() => this._connect(), 1000 * this._pace.pauseS(openS));
  }

  // --- frames -------------------------------------------------------------------------------------------

  _watchVideo() {
    const video = this._video;
    if ("requestVideoFrameCallback" in video) {
      const shown = (now, metadata) => {
        if (this._stopped) return;
        this._captured(captureSeconds(now, metadata));
        video.requestVideoFrameCallback(shown);
      };
      video.requestVideoFrameCallback(shown);
    } else {
      const shown = () => {
        if (this._stopped) return;
        if (video.readyState >= 2) this._captured(seconds());
        requestAnimationFrame(shown);
      };
      requestAnimationFrame(shown);
    }
  }

  _captured(capturedS) {
    if (this._conversation?.state !== "open" || !this._ownRate.takes(capturedS, this.hello.fps)) return;
    const frame = this._frame++;
    if (!this._planRate.takes(capturedS, this._conversation.plan.fps)) {
      this._ledger.leftOut("thinned");
      return;
    }
    const size = this._conversation.inputAt(this._conversation.plan.resolution);
    drawn(this._staged, this._video, fitted([this._video.videoWidth, this._video.videoHeight], size));
    this._ledger.captured(frame, capturedS);
    this._sendNext();
  }

  async _sendNext() {
    const [conversation, ledger] = [this._conversation, this._ledger];
    if (conversation?.state !== "open") return;
    const taken = ledger.take();
    if (taken === null) return;
    const now = seconds();
    const { plan } = conversation;
    if (!plan.mapped) {
      if (now < this._probeDueS) return void ledger.skip("paused");
      this._probeDueS = now + plan.probe_interval_ms / 1000;
    }
    const resolution = this._sizer.choose(now, plan.resolution, taken.capturedS, ledger.onLink);
    if (resolution === null) return void ledger.skip("stale");
    const jpeg = await this._jpeg(conversation.inputAt(resolution));
    if (this._conversation !== conversation || conversation.state !== "open") return;
    const sentS = seconds();
    const bytes = jpeg.length + FRAME_OVERHEAD_BYTES;
    ledger.sent(sentS, bytes);
    this._sizer.sent(resolution, bytes);
    conversation.frame({ frame: taken.frame, resolution, captured_s: taken.capturedS, sent_s: sentS }, jpeg);
    this._flush();
  }

  async _jpeg(size) {
    const staged = this._staged;
    const [width, height] = fitted([staged.width, staged.height], size);
    const from = width === staged.width && height === staged.height ? staged : drawn(this._encoded, staged, [width, height]);
    const blob = await new Promise((done) => from.toBlob(done, "image/jpeg", QUALITY));
    return new Uint8Array(await blob.arrayBuffer());
  }

  _flush() {
    if (this._socket?.readyState !== WebSocket.OPEN) return;
    for (const message of this._conversation.toSend()) this._socket.send(message);
  }

  _tell(state, why) {
    this.state = state;
    this._emit("state", { state, why });
  }

  _emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** `source` drawn to fill `canvas` at that size. */
function drawn(canvas, source, [width, height]) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return canvas;
}

/** When a frame was captured, by this page's clock, as far as the browser tells; else when it was shown. */
function captureSeconds(now, { captureTime }) {
  const plausible = captureTime !== undefined && captureTime <= now + 5 && captureTime > now - 1000;
  return (plausible ? captureTime : now) / 1000;
}

export function seconds() {
  return performance.now() / 1000;
}

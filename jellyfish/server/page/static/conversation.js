// A camera's end of the stream as a state machine: messages and times in, events and messages out. No sockets, no clock.

import { ProtocolError, packed, packedFrame, unpacked } from "./protocol.js";

const WELCOME_S = 10;
const SILENCE_S = 10;
const REPORT_S = 1;
const HOPELESS = new Set([
  "bad_message", "unknown_version", "unexpected", "text", "message_too_large", "unknown_model", "forbidden",
]);
const STEADY_S = 5; // a stream that was open for so long was a good one
const FIRST_PAUSE_S = 0.25;
const LONGEST_PAUSE_S = 8;

export class Conversation {
  /** `hello`: client, fps, slo_ms. */
  constructor(hello, now) {
    this.state = "opening";
    this.welcome = null;
    this.plan = null;
    this.openedS = null;
    this._begunS = this._heardS = now;
    this._reportDueS = now;
    this._outgoing = [packed("hello", { ...hello, arrivals: true })];
  }

  /** What is to be sent now, in order. */
  toSend() {
    const outgoing = this._outgoing;
    this._outgoing = [];
    return outgoing;
  }

  /** Take in a message; what of it is the camera's business, as {name, fields}, or null. ProtocolError ends it. */
  receive(buffer, now) {
    this._heardS = now;
    const message = unpacked(buffer);
    switch (message.name) {
      case "ping":
        if (this.state !== "closing") {
          this._outgoing.push(packed("pong", { server_s: message.fields.server_s, received_s: now, sent_s: now }));
        }
        return null;
      case "welcome":
        this._opened(message.fields, now);
        return message;
      case "error":
        this.state = "closed";
        throw new ProtocolError(message.fields.code, message.fields.message);
      case "farewell":
        this.state = "closed";
        return message;
      case "plan":
        this._planned(message.fields);
        return message;
      case "result":
      case "arrived":
        return message;
      default:
        throw new ProtocolError("unexpected", `a server does not send ${message.name}`);
    }
  }

  frame(header, jpeg) {
    this._outgoing.push(packedFrame(header, jpeg));
  }

  bye(report) {
    this.state = "closing";
    this._outgoing.push(packed("bye", this.welcome?.reports ? { report } : {}));
  }

  /** Time has passed. Throws when the server is gone; whether a report is due. */
  timeout(now) {
    if (this.state === "opening" && now >= this._begunS + WELCOME_S) {
      throw new ProtocolError("gone", "the server did not take this camera in");
    }
    if (now >= this._heardS + SILENCE_S) throw new ProtocolError("gone", "nothing was heard from the server for 10 s");
    if (this.state !== "open" || !this.welcome.reports || now < this._reportDueS) return false;
    this._reportDueS = now + REPORT_S;
    return true;
  }

  report(report) {
    this._outgoing.push(packed("report", report));
  }

  /** [width, height] that the network takes at a resolution. */
  inputAt(resolution) {
    const place = this.welcome.resolutions.indexOf(resolution);
    return this.welcome.inputs?.[place] ?? [resolution, Math.min(resolution, 32 * Math.ceil((resolution * 9) / 16 / 32))];
  }

  _opened(welcome, now) {
    if (this.state !== "opening") throw new ProtocolError("unexpected", "a server welcomes once");
    this.welcome = welcome;
    this._planned(welcome.plan);
    this.state = "open";
    this.openedS = now;
    this._reportDueS = now + REPORT_S;
  }

  _planned(plan) {
    if (!this.welcome?.resolutions.includes(plan.resolution)) {
      throw new ProtocolError("bad_message", `a plan's resolution must be one of the welcome's, not ${plan.resolution}`);
    }
    this.plan = plan;
  }
}

/** (width, height) of a picture scaled to fit, never enlarged. */
export function fitted([width, height], [inWidth, inHeight]) {
  const scale = Math.min(inWidth / width, inHeight / height, 1);
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** Leaves out frames so that those taken are evenly spaced. */
export class Thinner {
  constructor() {
    this._dueS = -Infinity;
  }

  takes(capturedS, fps) {
    if (fps === undefined || fps === null) {
      this._dueS = capturedS;
      return true;
    }
    const nextS = this._dueS + 1 / fps;
    if (capturedS < nextS - 0.001) return false;
    this._dueS = capturedS < nextS + 1 / fps ? nextS : capturedS;
    return true;
  }
}

/** Pauses between tries to connect: they double, and part of each is chance (`draw`: 0..1). */
export class RetryPace {
  constructor(draw = Math.random) {
    this._draw = draw;
    this._longestS = FIRST_PAUSE_S;
  }

  pauseS(openS) {
    if (openS >= STEADY_S) this._longestS = FIRST_PAUSE_S;
    const pauseS = (0.5 + this._draw() / 2) * this._longestS;
    this._longestS = Math.min(LONGEST_PAUSE_S, 2 * this._longestS);
    return pauseS;
  }
}

/** Whether the next try would only bring the same error again. */
export function isHopeless(code, openS) {
  return HOPELESS.has(code) && openS < STEADY_S;
}

// A camera's account of its frames: each captured frame ends in exactly one outcome. No clock, no I/O.

const LATE_S = 1; // an answer that comes by then after its deadline is late; without one the frame is lost
const MOST_FREED = 16; // overdue frames that arrived, in whose place others may be sent
const BUSY_SHARE = 0.1; // of the SLO, taken by the camera itself: then it was busy
const STEPS_MS = [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000];
const EDGES_MS = [...STEPS_MS.map((step) => -step).reverse(), 0, ...STEPS_MS];

/** Index of the bucket of a report's `slack`; an edge belongs to the bucket above it. */
export function slackBucket(slackMs) {
  const place = EDGES_MS.findIndex((edge) => slackMs < edge);
  return place < 0 ? EDGES_MS.length : place;
}

export class Ledger {
  constructor(sloS, maxInFlight) {
    this.sloS = sloS;
    this._maxInFlight = maxInFlight;
    this._captured = 0;
    this._onTime = 0;
    this._missed = {};
    this._slack = new Array(EDGES_MS.length + 1).fill(0);
    this._waiting = null; // the newest frame that is not sent: {frame, capturedS}
    this._taken = null;
    this._inFlight = new Map(); // frame -> what is known of it, oldest first
    this._roomS = -Infinity; // since when another may be sent
  }

  /** A new frame takes the place of one that still waits. */
  captured(frame, capturedS) {
    this._captured++;
    if (this._waiting !== null) this._miss("skipped", this._taken !== null && !this._full ? "camera_busy" : "replaced");
    this._waiting = { frame, capturedS };
  }

  /** A frame that the plan has no room for, or that nobody could look at. */
  leftOut(reason) {
    this._captured++;
    this._miss("skipped", reason);
  }

  /** The frame to send next; null where there is none, or enough are on their way. */
  take() {
    if (this._waiting === null || this._taken !== null || this._full) return null;
    this._taken = this._waiting;
    this._waiting = null;
    return this._taken;
  }

  /** The frame taken up is not sent. */
  skip(reason) {
    if (this._taken === null) return;
    this._taken = null;
    this._miss("skipped", reason);
  }

  sent(now, bytes) {
    const { frame, capturedS } = this._taken;
    this._taken = null;
    const ownS = now - Math.max(capturedS, Math.min(this._roomS, now));
    const dueS = capturedS + this.sloS;
    this._inFlight.set(frame, { frame, capturedS, sentS: now, bytes, ownS, dueS, arrived: false, freed: false, ended: false });
  }

  /** [sentS, bytes] of each that is not known to have arrived, oldest first. */
  get onLink() {
    return [...this._inFlight.values()].filter((each) => !each.arrived).map((each) => [each.sentS, each.bytes]);
  }

  /** A frame is with the server, and so are those sent before it; what is known of it, or null. */
  arrived(now, frame) {
    const sent = this._inFlight.get(frame);
    if (sent === undefined) return null;
    const wasFull = this._full;
    for (const each of this._inFlight.values()) {
      each.arrived = true;
      if (now >= each.dueS) this._free(each);
      if (each === sent) break;
    }
    if (wasFull && !this._full) this._roomS = now;
    return sent;
  }

  /** The answer to a frame; what is known of the frame, or null for one that nobody waits for. */
  answered(now, result) {
    const sent = this.arrived(now, result.frame);
    if (sent === null) return null;
    if (this._full && !sent.freed) this._roomS = now;
    this._inFlight.delete(result.frame);
    const slackS = sent.dueS - now;
    if (result.reason === undefined) this._slackOf(sent, slackS);
    if (sent.ended) return sent;
    if (result.reason !== undefined) this._miss("dropped", dropReason(sent, result.reason, this.sloS));
    else if (slackS >= 0) this._onTime++;
    else this._miss("late", lateReason(sent, result, now, this.sloS));
    return sent;
  }

  /** Time has passed: frames may be overdue or lost. */
  expire(now) {
    const wasFull = this._full;
    for (const sent of this._inFlight.values()) {
      if (now < sent.dueS) break;
      this._free(sent);
      if (!sent.ended && now >= sent.dueS + LATE_S) {
        sent.ended = true;
        this._miss("lost", sent.arrived ? "server" : "network");
      }
    }
    while (this._inFlight.size > 2 * MOST_FREED) this._inFlight.delete(this._inFlight.keys().next().value);
    if (wasFull && !this._full) this._roomS = now;
  }

  /** As the protocol's report; `missed` and `slack` are copies. */
  get report() {
    const report = { captured: this._captured, on_time: this._onTime, missed: structuredClone(this._missed) };
    return this._slack.some(Boolean) ? { ...report, slack: [...this._slack] } : report;
  }

  get _full() {
    let held = 0;
    for (const each of this._inFlight.values()) held += !each.freed;
    return held >= this._maxInFlight;
  }

  _free(sent) {
    if (!sent.arrived || sent.freed) return;
    let freed = 0;
    for (const each of this._inFlight.values()) freed += each.freed;
    sent.freed = freed < MOST_FREED;
  }

  _slackOf(sent, slackS) {
    if (!sent.ended) this._slack[slackBucket(1000 * slackS)]++;
  }

  _miss(outcome, reason) {
    const reasons = (this._missed[outcome] ??= {});
    reasons[reason] = (reasons[reason] ?? 0) + 1;
  }
}

function dropReason(sent, reason, sloS) {
  const outOfTime = reason === "expired" || reason === "overload";
  return outOfTime && sent.ownS > BUSY_SHARE * sloS ? "camera_busy" : reason;
}

/** Who took most of the time; the camera where the frame would have been in time without what it took. */
function lateReason(sent, result, now, sloS) {
  const e2eS = now - sent.capturedS;
  if (sent.ownS > BUSY_SHARE * sloS && e2eS - sent.ownS <= sloS) return "camera_busy";
  const serverS = result.server_ms / 1000;
  return e2eS - serverS > serverS ? "network" : "server";
}

// The share of captured frames that were answered in time over the last minute, of counts that only grow. No clock.

const MINUTE_MS = 60_000;

export class OnTime {
  constructor() {
    this._told = []; // [when, frames with an outcome, those in time], oldest first
    this._before = [0, 0]; // counts of streams that ended
    this._newest = [0, 0];
  }

  /** A stream begins, whose counts begin at nothing again. */
  begin() {
    this._before = [this._before[0] + this._newest[0], this._before[1] + this._newest[1]];
    this._newest = [0, 0];
  }

  /** A stream's report as it is now. */
  add(nowMs, report) {
    const missed = Object.values(report.missed).flatMap((reasons) => Object.values(reasons));
    const ended = report.on_time + missed.reduce((sum, count) => sum + count, 0);
    this._newest = [ended, report.on_time];
    if (!this._told.length) this._told.push([nowMs - 1000, 0, 0]);
    this._told.push([nowMs, this._before[0] + ended, this._before[1] + report.on_time]);
    while (this._told.length > 2 && this._told[1][0] <= nowMs - MINUTE_MS) this._told.shift();
  }

  /** Per cent; null where nothing has ended. */
  get lastMinute() {
    if (!this._told.length) return null;
    const [first, last] = [this._told[0], this._told.at(-1)];
    const ended = last[1] - first[1];
    return ended > 0 ? (100 * (last[2] - first[2])) / ended : null;
  }
}

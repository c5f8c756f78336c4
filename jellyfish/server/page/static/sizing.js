// The size of the next frame: the planned one, or a smaller one when the link is worse than it was. No clock, no I/O.
// The same decision as that of Jellyfish's own cameras.

const CARE = 1.4; // a frame is chosen so that it is in time if the network takes so many times as long as expected
const FALLEN = 1.3; // overdue by so much, the link has fallen
const FURTHER = 0.6; // and is not yet where it falls to
const RATIOS = [[128, 4.8], [256, 5.8], [384, 6.8], [512, 7.6], [608, 8.1]]; // raw bytes over those of a JPEG

/** Bytes of a usual 16:9 JPEG of that width. */
function referenceBytes(resolution) {
  return (resolution * resolution * 9 * 3) / 16 / ratio(resolution);
}

function ratio(resolution) {
  if (resolution <= RATIOS[0][0]) return RATIOS[0][1];
  for (let place = 1; place < RATIOS.length; place++) {
    const [low, from] = RATIOS[place - 1];
    const [high, to] = RATIOS[place];
    if (resolution <= high) return from + ((to - from) * (resolution - low)) / (high - low);
  }
  return RATIOS.at(-1)[1];
}

function smoothed(old, sample, keep) {
  return old === null ? sample : keep * old + (1 - keep) * sample;
}

export class Sizer {
  /** `ladder`: resolutions that the server takes, ascending. */
  constructor(fps, sloS, ladder) {
    this.fps = fps;
    this.ladder = ladder;
    this._sloS = sloS;
    this._factor = null; // this camera's bytes over the reference's
    this._bandwidthBps = null;
    this._restS = null; // a frame's time beyond its uplink
    this._backS = null; // how long it takes to hear of an arrival
  }

  sent(resolution, bytes) {
    this._factor = smoothed(this._factor, bytes / referenceBytes(resolution), 0.9);
  }

  /** The server has a frame; both are its newest estimates. */
  arrived(bandwidthBps, backS) {
    this._bandwidthBps = bandwidthBps || null;
    this._backS = smoothed(this._backS, backS, 0.7);
  }

  answered(bandwidthBps, restS) {
    this._bandwidthBps = bandwidthBps || null;
    this._restS = smoothed(this._restS, restS, 0.7);
  }

  /** Resolution for a frame, not above `planned`; null to leave it out. `onLink`: [sentS, bytes] of those on their way. */
  choose(now, planned, capturedS, onLink) {
    const bandwidthBps = this._newestBandwidth(now, onLink);
    if (bandwidthBps === null) return Math.min(planned, this.ladder[0]);
    const restS = (this._restS ?? 0) + backlogS(now, bandwidthBps, onLink);
    const limitS = (this._sloS - (now - capturedS) - restS) / CARE;
    const fits = (resolution) => {
      const bits = this._bits(resolution);
      return bandwidthBps > this.fps * bits && bits <= bandwidthBps * limitS;
    };
    const resolution = this.ladder.findLast((each) => each <= planned && fits(each)) ?? this.ladder[0];
    if (onLink.length && this._bits(resolution) > bandwidthBps * limitS) return null;
    return resolution;
  }

  _bits(resolution) {
    return 8 * (this._factor ?? 1) * referenceBytes(resolution);
  }

  _newestBandwidth(now, onLink) {
    if (this._bandwidthBps === null || !onLink.length) return this._bandwidthBps;
    const [sentS, bytes] = onLink[0];
    const onLinkS = now - sentS - (this._backS ?? this._restS ?? 0);
    const expectedS = (8 * bytes) / this._bandwidthBps;
    if (onLinkS <= expectedS) return this._bandwidthBps;
    return ((onLinkS > FALLEN * expectedS ? FURTHER : 1) * 8 * bytes) / onLinkS;
  }
}

/** How long frames on their way keep the link busy. */
function backlogS(now, bandwidthBps, onLink) {
  let freeS = -Infinity;
  for (const [sentS, bytes] of onLink) freeS = Math.max(freeS, sentS) + (8 * bytes) / bandwidthBps;
  return Math.max(0, freeS - now);
}

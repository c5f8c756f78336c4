import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Conversation, RetryPace, Thinner, fitted, isHopeless } from "../../../jellyfish/server/page/static/conversation.js";
import { Ledger, slackBucket } from "../../../jellyfish/server/page/static/ledger.js";
import { OnTime } from "../../../jellyfish/server/page/static/on_time.js";
import { packed, unpacked } from "../../../jellyfish/server/page/static/protocol.js";
import { Sizer } from "../../../jellyfish/server/page/static/sizing.js";
import { bitRate } from "../../../jellyfish/server/page/static/words.js";

const vectors = JSON.parse(readFileSync(process.env.VECTORS, "utf8"));
const HELLO = { client: "phone", fps: 15, slo_ms: 150 };
const PLAN = { resolution: 320, variant: "w100e1-320", mapped: true, probe_interval_ms: 500 };
const WELCOME = { classes: ["car"], resolutions: [128, 320], max_in_flight: 3, max_message_bytes: 1e6, plan: PLAN, reports: true, inputs: [[128, 96], [320, 192]] };
const message = (name, fields) => packed(name, fields).buffer;
const said = (conversation) => conversation.toSend().map((each) => unpacked(each.buffer));

function opened() {
  const conversation = new Conversation(HELLO, 0);
  conversation.toSend();
  conversation.receive(message("welcome", WELCOME), 1);
  return conversation;
}

/** Every captured frame has one outcome, or none yet. */
function balanced(report, open) {
  const missed = Object.values(report.missed).flatMap((reasons) => Object.values(reasons)).reduce((sum, count) => sum + count, 0);
  assert.equal(report.captured, report.on_time + missed + open);
}

test("sizes are chosen as Jellyfish's own cameras choose them", () => {
  const sizer = new Sizer(15, 0.15, [128, 192, 256, 320, 384, 448]);
  const chosen = vectors.sizes.map((step) => {
    sizer[step.told](...step.arguments);
    return sizer.choose(...step.asked);
  });
  assert.deepEqual(chosen, vectors.sizes.map((step) => step.chosen));
  assert.ok(new Set(chosen).size > 4);
});

test("slack falls into the protocol's buckets", () => {
  for (const [ms, bucket] of vectors.slack) assert.equal(slackBucket(ms), bucket, `${ms} ms`);
});

test("the first word is a hello, and pings are answered at once", () => {
  const conversation = new Conversation(HELLO, 0);
  assert.deepEqual(said(conversation), [{ name: "hello", fields: { ...HELLO, arrivals: true } }]);
  assert.equal(conversation.receive(message("ping", { server_s: 7 }), 2), null);
  assert.deepEqual(said(conversation), [{ name: "pong", fields: { server_s: 7, received_s: 2, sent_s: 2 } }]);
});

test("a server that is silent is given up", () => {
  const silent = new Conversation(HELLO, 0);
  silent.timeout(9.9);
  assert.throws(() => silent.timeout(10), { code: "gone" });
  const once = opened();
  once.timeout(10.9);
  assert.throws(() => once.timeout(11), { code: "gone" });
});

test("a report is due once a second, and only where reports are taken", () => {
  const conversation = opened();
  assert.deepEqual([1.9, 2, 2.5, 3].map((now) => conversation.timeout(now)), [false, true, false, true]);
  const without = new Conversation(HELLO, 0);
  without.receive(message("welcome", { ...WELCOME, reports: undefined }), 1);
  assert.equal(without.timeout(5), false);
  without.toSend();
  without.bye({ captured: 1 });
  assert.deepEqual(said(without), [{ name: "bye", fields: {} }]);
});

test("a plan that no camera can follow ends the stream", () => {
  assert.throws(() => opened().receive(message("plan", { ...PLAN, resolution: 999 }), 2), { code: "bad_message" });
  assert.throws(() => opened().receive(message("welcome", WELCOME), 2), { code: "unexpected" });
  assert.throws(() => opened().receive(message("error", { code: "draining", message: "it goes" }), 2), { code: "draining" });
});

test("the newest frame wins, and no more are on their way than may be", () => {
  const ledger = new Ledger(0.15, 2);
  for (const frame of [0, 1]) {
    ledger.captured(frame, frame / 10);
    assert.equal(ledger.take().frame, frame);
    ledger.sent(frame / 10, 1000);
  }
  for (const frame of [2, 3, 4]) ledger.captured(frame, 0.1 + frame / 100);
  assert.equal(ledger.take(), null);
  assert.deepEqual(ledger.report.missed, { skipped: { replaced: 2 } });
  ledger.answered(0.15, { frame: 0, server_ms: 10 });
  assert.equal(ledger.take().frame, 4);
  ledger.skip("stale");
  balanced(ledger.report, 1);
});

test("a frame is in time by its capture, and what comes late says whose fault it was", () => {
  const ledger = new Ledger(0.15, 9);
  const answers = [[0.15, 10, "on_time"], [0.16, 10, "network"], [0.16, 100, "server"]];
  answers.forEach(([now, serverMs], frame) => {
    ledger.captured(frame, 0);
    ledger.take();
    ledger.sent(0, 1000);
    ledger.answered(now, { frame, server_ms: serverMs });
  });
  ledger.captured(3, 0);
  ledger.take();
  ledger.sent(0.1, 1000);
  ledger.answered(0.2, { frame: 3, server_ms: 20 });
  assert.deepEqual(ledger.report.missed, { late: { network: 1, server: 1, camera_busy: 1 } });
  assert.equal(ledger.report.on_time, 1);
  assert.equal(ledger.report.slack.reduce((sum, count) => sum + count, 0), 4);
  balanced(ledger.report, 0);
});

test("what is never answered is lost a second after its deadline, and frees its place only if it arrived", () => {
  const ledger = new Ledger(0.15, 1);
  ledger.captured(0, 0);
  ledger.take();
  ledger.sent(0, 1000);
  ledger.captured(1, 0.1);
  ledger.expire(0.2);
  assert.equal(ledger.take(), null); // it may still be on the link
  ledger.arrived(0.3, 0);
  assert.equal(ledger.take().frame, 1);
  ledger.sent(0.3, 1000);
  ledger.expire(1.16);
  assert.deepEqual(ledger.report.missed, { lost: { server: 1 } });
  ledger.expire(1.4);
  assert.deepEqual(ledger.report.missed, { lost: { server: 1, network: 1 } });
  assert.equal(ledger.answered(1.5, { frame: 0, server_ms: 1 }).ended, true);
  balanced(ledger.report, 0);
});

test("frames are left out evenly", () => {
  const thinner = new Thinner();
  const taken = Array.from({ length: 300 }, (_, frame) => thinner.takes(frame / 30, 10)).filter(Boolean).length;
  assert.equal(taken, 100);
  assert.ok(new Thinner().takes(5, null));
});

test("pauses double up to 8 s, and a good stream begins anew", () => {
  const pace = new RetryPace(() => 1);
  assert.deepEqual(Array.from({ length: 7 }, () => pace.pauseS(0)), [0.25, 0.5, 1, 2, 4, 8, 8]);
  assert.equal(pace.pauseS(6), 0.25);
  assert.ok(isHopeless("forbidden", 1) && !isHopeless("forbidden", 6) && !isHopeless("draining", 0));
});

test("a picture is fitted whole and never enlarged", () => {
  assert.deepEqual(fitted([1280, 720], [320, 192]), [320, 180]);
  assert.deepEqual(fitted([720, 1280], [320, 192]), [108, 192]);
  assert.deepEqual(fitted([100, 50], [320, 192]), [100, 50]);
});

test("the share in time is of the last minute, over streams that ended", () => {
  const onTime = new OnTime();
  assert.equal(onTime.lastMinute, null);
  onTime.add(1000, { on_time: 5, missed: { late: { network: 5 } } });
  assert.equal(onTime.lastMinute, 50);
  onTime.begin();
  onTime.add(2000, { on_time: 10, missed: {} });
  assert.equal(onTime.lastMinute, 75);
  for (let second = 3; second <= 70; second++) onTime.add(1000 * second, { on_time: 10 + second, missed: {} });
  assert.equal(onTime.lastMinute, 100);
});

test("an uplink is told in few letters, and in the unit that it has when rounded", () => {
  const told = [640, 999.7, 8123, 80_270, 999_700, 1_234_000].map(bitRate);
  assert.deepEqual(told, ["640 kbit/s", "1.0 Mbit/s", "8.1 Mbit/s", "80 Mbit/s", "1.0 Gbit/s", "1.2 Gbit/s"]);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { crc32, packed, packedFrame, pictured, unpacked } from "../../../jellyfish/server/page/static/protocol.js";

const vectors = JSON.parse(readFileSync(process.env.VECTORS, "utf8"));
const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"));
const buffer = (hex) => bytes(hex).buffer;

test("CRC-32 is IEEE's", () => {
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assert.equal(crc32(new TextEncoder().encode("1234"), new TextEncoder().encode("56789")), 0xcbf43926);
});

test("what a Jellyfish server says is understood", () => {
  for (const { name, hex, fields } of vectors.from_server) {
    const message = unpacked(buffer(hex));
    assert.equal(message.name, name);
    for (const [key, value] of Object.entries(message.fields)) assert.deepEqual(value, fields[key], `${name}.${key}`);
  }
});

test("a frame is the same bytes as Python's", () => {
  const { hex, jpeg, ...header } = vectors.frame;
  assert.equal(Buffer.from(packedFrame(header, bytes(jpeg))).toString("hex"), hex);
});

test("what one end packs the other unpacks", () => {
  const report = { captured: 3, on_time: 2, missed: { late: { network: 1 } } };
  assert.deepEqual(unpacked(packed("report", report).buffer), { name: "report", fields: report });
});

test("any bit that is wrong is noticed", () => {
  const { hex } = vectors.from_server[0];
  for (let bit = 0; bit < hex.length * 4; bit++) {
    const damaged = bytes(hex);
    damaged[bit >> 3] ^= 1 << (bit & 7);
    assert.throws(() => unpacked(damaged.buffer), { code: /bad_message|unknown_version/ });
  }
  assert.throws(() => unpacked(new ArrayBuffer(5)), { code: "bad_message" });
});

test("a watched answer comes with its picture", () => {
  const words = new TextEncoder().encode('{"camera":"gäte"}');
  const message = new Uint8Array(4 + words.length + 2);
  new DataView(message.buffer).setUint32(0, words.length, true);
  message.set(words, 4);
  message.set([0xff, 0xd8], 4 + words.length);
  const { answer, jpeg } = pictured(message.buffer);
  assert.equal(answer.camera, "gäte");
  assert.deepEqual([...jpeg], [0xff, 0xd8]);
});

// The messages of the stream /v1/stream, as bytes and back: docs/protocol.md. No I/O, no clock.

export const KIND = {
  hello: 1, welcome: 2, frame: 3, result: 4, plan: 5, ping: 6, pong: 7, bye: 8, farewell: 9, error: 10, arrived: 11,
  report: 12,
};
const NAMES = Object.fromEntries(Object.entries(KIND).map(([name, number]) => [number, name]));
const VERSION = 1;
const HEADER_BYTES = 12;
const FRAME_BYTES = 22;
export const FRAME_OVERHEAD_BYTES = HEADER_BYTES + FRAME_BYTES;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** CRC-32 (IEEE) of the parts, one after the other. */
export function crc32(...parts) {
  let crc = 0xffffffff;
  for (const part of parts) for (const byte of part) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/** A message: header, head and rest of its body. */
function joined(kind, head, rest) {
  const message = new Uint8Array(HEADER_BYTES + head.length + rest.length);
  const view = new DataView(message.buffer);
  message[0] = 0x4a; // J
  message[1] = 0x46; // F
  message[2] = VERSION;
  message[3] = kind;
  view.setUint32(4, head.length + rest.length, true);
  message.set(head, HEADER_BYTES);
  message.set(rest, HEADER_BYTES + head.length);
  view.setUint32(8, crc32(message.subarray(0, 8), message.subarray(HEADER_BYTES)), true);
  return message;
}

/** A message whose body is JSON; `name` is a key of KIND. */
export function packed(name, fields) {
  return joined(KIND[name], new TextEncoder().encode(JSON.stringify(fields)), new Uint8Array());
}

/** A frame: times in seconds on this machine's clock, `jpeg` bytes. */
export function packedFrame({ frame, resolution, captured_s, sent_s }, jpeg) {
  const head = new DataView(new ArrayBuffer(FRAME_BYTES));
  head.setUint32(0, frame, true);
  head.setUint16(4, resolution, true);
  head.setFloat64(6, captured_s, true);
  head.setFloat64(14, sent_s, true);
  return joined(KIND.frame, new Uint8Array(head.buffer), jpeg);
}

/** What a server says: {name, fields}. Throws a ProtocolError for what is no message. */
export function unpacked(buffer) {
  const bytes = new Uint8Array(buffer);
  if (bytes.length < HEADER_BYTES) throw new ProtocolError("bad_message", `${bytes.length} bytes are no message`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes[0] !== 0x4a || bytes[1] !== 0x46) throw new ProtocolError("bad_message", "this is no message of Jellyfish's");
  if (bytes[2] !== VERSION) throw new ProtocolError("unknown_version", `this page speaks version ${VERSION}, not ${bytes[2]}`);
  const body = bytes.subarray(HEADER_BYTES);
  if (view.getUint32(4, true) !== body.length) throw new ProtocolError("bad_message", "the message is not whole");
  if (view.getUint32(8, true) !== crc32(bytes.subarray(0, 8), body)) {
    throw new ProtocolError("bad_message", "the message was corrupted on its way");
  }
  const name = NAMES[bytes[3]];
  if (name === undefined || name === "frame") throw new ProtocolError("bad_message", `a server sends no kind ${bytes[3]}`);
  try {
    return { name, fields: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)) };
  } catch (error) {
    throw new ProtocolError("bad_message", `the body of this ${name} cannot be read: ${error.message}`);
  }
}

/** What one side has said that the other cannot take. */
export class ProtocolError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** A message of /v1/watch that carries a picture: {answer, jpeg}; docs/watching.md. */
export function pictured(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const answer = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { answer, jpeg: new Uint8Array(buffer, 4 + length) };
}

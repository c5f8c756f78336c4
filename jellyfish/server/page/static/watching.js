// What cameras are answered, as it comes: the WebSocket /v1/watch, opened anew when it is lost. docs/watching.md.

import { webSocket } from "./api.js";
import { RetryPace } from "./conversation.js";
import { pictured } from "./protocol.js";

export class Watching {
  /** `told` gets what is said, by kind: answer(answer, jpeg or null), fleet(fleet), open(), lost(). */
  constructor(told) {
    this._told = told;
    this._pace = new RetryPace();
    this._socket = null;
    this._wanted = false;
  }

  start() {
    if (this._wanted) return;
    this._wanted = true;
    this._open();
  }

  stop() {
    this._wanted = false;
    clearTimeout(this._retry);
    this._socket?.close();
    this._socket = null;
  }

  _open() {
    const socket = webSocket("/v1/watch?pictures=1&fleet=1");
    let openedMs = null;
    this._socket = socket;
    socket.onopen = () => {
      openedMs = performance.now();
      this._told.open();
    };
    socket.onmessage = ({ data }) => socket === this._socket && this._take(data);
    socket.onclose = () => {
      if (socket !== this._socket || !this._wanted) return;
      this._told.lost();
      const openS = openedMs === null ? 0 : (performance.now() - openedMs) / 1000;
      this._retry = setTimeout(() => this._open(), 1000 * this._pace.pauseS(openS));
    };
  }

  _take(data) {
    if (typeof data !== "string") {
      const { answer, jpeg } = pictured(data);
      this._told.answer(answer, jpeg);
      return;
    }
    const message = JSON.parse(data);
    if (message.fleet !== undefined) this._told.fleet(message.fleet);
    else if (message.camera !== undefined) this._told.answer(message, null);
  }
}

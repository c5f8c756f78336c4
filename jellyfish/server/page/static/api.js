// Asking the server, with the token that a person typed where it wants one. Tokens live as long as the tab.

const KEY = "jellyfish.token";

export function token() {
  return sessionStorage.getItem(KEY);
}

export function keepToken(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

/** What a server said no to. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether another token would help. */
  get wantsToken() {
    return this.status === 401 || this.status === 403;
  }
}

/** The JSON that the server answers with; Refusal where it says no, TypeError where it does not answer. */
export async function ask(path, { method = "GET", body, bearer = token() } = {}) {
  const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
  const text = await answer.text();
  let told = {};
  try {
    told = text ? JSON.parse(text) : {};
  } catch {
    told = { error: text.trim() };
  }
  if (!answer.ok) throw new Refusal(answer.status, told.error || `the server answered ${answer.status}`);
  return told;
}

/** A WebSocket of this server's. */
export function webSocket(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const protocols = token() ? ["jellyfish", `jellyfish.token.${token()}`] : ["jellyfish"];
  const socket = new WebSocket(url, protocols);
  socket.binaryType = "arraybuffer";
  return socket;
}

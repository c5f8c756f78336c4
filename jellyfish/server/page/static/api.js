// Asking the server, with the token that a person typed where it wants one. Tokens live as long as the tab.

const KEYS = { watch: "jellyfish.token", administration: "jellyfish.administration" };

/** The token for what is asked for; one for administration may be the one for all. */
export function token(purpose = "watch") {
  return sessionStorage.getItem(KEYS[purpose]) ?? sessionStorage.getItem(KEYS.watch) ?? sessionStorage.getItem(KEYS.administration);
}

export function keepToken(text, purpose = "watch") {
  sessionStorage.setItem(KEYS[purpose], text);
}

/** What a server said no to. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether another token would help: none was given, it is not known, or it is for something else. */
  get wantsToken() {
    return this.status === 401 || (this.status === 403 && this.message.startsWith("that token"));
  }
}

/** The JSON that the server answers with; Refusal where it says no, TypeError where it does not answer. */
export async function ask(path, { method = "GET", body, bearer = token(method === "GET" ? "watch" : "administration") } = {}) {
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

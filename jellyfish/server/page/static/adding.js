// Adding a camera: a code for a phone or a laptop, or the address of a network camera.

import { Refusal, ask } from "./api.js";
import { qrPicture } from "./qr.js";

const element = (id) => document.getElementById(id);

export class Adding {
  /** `added`: called with the name of a camera that the server fetches now; `refused`: asks for a token, then calls. */
  constructor(added, refused) {
    this._dialog = element("adding");
    this._added = added;
    this._refused = refused;
    this._taken = () => [];
    this._dialog.querySelector(".close").addEventListener("click", () => this._dialog.close());
    this._dialog.addEventListener("click", (event) => event.target === this._dialog && this._dialog.close());
    this._dialog.addEventListener("close", () => clearInterval(this._counting));
    this._tabs = [...this._dialog.querySelectorAll("[role=tab]")];
    for (const tab of this._tabs) tab.addEventListener("click", () => this._show(tab));
    this._dialog.querySelector("[role=tablist]").addEventListener("keydown", (event) => this._step(event));
    element("invite").addEventListener("submit", (event) => this._submitted(event, () => this._invite()));
    element("fetching").addEventListener("submit", (event) => this._submitted(event, () => this._fetch()));
    element("url").addEventListener("change", () => this._suggest());
  }

  /** `kind`: phone or address; `names`: those in use. */
  open(kind, names) {
    this._names = names;
    element("invited").value = unused("phone", names);
    element("invitation").hidden = true;
    element("invite").hidden = false;
    for (const place of this._dialog.querySelectorAll(".problem")) place.hidden = true;
    this._show(element(`tab-${kind}`));
    this._dialog.showModal();
  }

  close() {
    this._dialog.close();
  }

  /** A camera of that name has come: if it is the one that was invited, the code is of no more use. */
  came(name) {
    if (this._dialog.open && !element("invitation").hidden && this._invited === name) this._dialog.close();
  }

  _show(chosen) {
    for (const tab of this._tabs) {
      const here = tab === chosen;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
      element(tab.getAttribute("aria-controls")).hidden = !here;
    }
  }

  _step(event) {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const other = this._tabs.find((tab) => tab.getAttribute("aria-selected") === "false");
    this._show(other);
    other.focus();
  }

  async _submitted(event, action) {
    event.preventDefault();
    const form = event.target;
    const problem = form.querySelector(".problem");
    const button = form.querySelector("[type=submit]");
    problem.hidden = true;
    button.disabled = true;
    try {
      await action();
    } catch (error) {
      if (error instanceof Refusal && error.wantsToken) this._refused(error.message, () => form.requestSubmit());
      problem.textContent = error instanceof TypeError ? "The server does not answer." : error.message;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  }

  async _invite() {
    const camera = element("invited").value.trim();
    const told = await ask(`/v1/cameras/invitations?camera=${encodeURIComponent(camera)}`, { method: "POST" });
    this._invited = camera;
    element("code").replaceChildren(qrPicture(told.qr, `QR code of ${told.address}`));
    element("address").textContent = told.address;
    element("invitation-notes").replaceChildren(...told.notes.map(asItem));
    element("invitation-notes").hidden = !told.notes.length;
    element("invite").hidden = true;
    element("invitation").hidden = false;
    this._countDown(told.expires_s);
  }

  _countDown(seconds) {
    clearInterval(this._counting);
    const until = seconds === undefined ? null : Date.now() + 1000 * seconds;
    const tell = () => {
      const left = until === null ? null : Math.max(0, Math.round((until - Date.now()) / 1000));
      element("expiry").textContent =
        left === null
          ? "This server asks for no token: the code holds for as long as it runs."
          : left === 0
            ? "This code is too old now."
            : `Good once, for ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} more.`;
      if (left === 0) clearInterval(this._counting);
    };
    tell();
    if (until !== null) this._counting = setInterval(tell, 1000);
  }

  async _fetch() {
    const number = (id) => (element(id).value === "" ? undefined : Number(element(id).value));
    const camera = {
      name: element("fetched").value.trim(),
      url: element("url").value.trim(),
      slo_ms: number("slo"),
      fps: number("fps"),
      importance: number("importance"),
      rotate: number("rotate"),
      transport: element("transport").value || undefined,
    };
    await ask("/v1/cameras", { method: "POST", body: camera });
    element("fetching").reset();
    this._dialog.close();
    this._added(camera.name);
  }

  /** A name from the address, for who has given none. */
  _suggest() {
    if (element("fetched").value) return;
    const words = element("url").value.replace(/^[a-z0-9]+:\/\//i, "").replace(/^[^@/]*@/, "").split(/[/:?]/)[0];
    if (words) element("fetched").value = unused(words, this._names, "");
  }
}

function asItem(words) {
  const item = document.createElement("li");
  item.textContent = `${words[0].toUpperCase()}${words.slice(1)}.`;
  return item;
}

function unused(stem, names, first = "-1") {
  const candidates = [`${stem}${first}`, ...Array.from({ length: 99 }, (_, number) => `${stem}-${number + 2}`)];
  return candidates.find((name) => !names.includes(name)) ?? stem;
}

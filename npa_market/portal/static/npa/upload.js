// Resumable upload with progress; without this script the form sends the file in one piece.
(() => {
  "use strict";

  const CHUNK = 8 * 1024 * 1024;
  const form = document.querySelector("form[data-upload]");
  if (!form || !window.fetch) return;
  const api = form.dataset.upload;
  const token = form.querySelector("[name=csrfmiddlewaretoken]").value;
  const part = (name) => form.querySelector(`[data-${name}]`);
  let isStopped = false;

  // SHA-256 in steps: the browser's own takes a file only as a whole, and only on https.
  const K = [];
  const START = [];
  for (let n = 2; K.length < 64; n += 1) {
    let isPrime = true;
    for (let d = 2; d * d <= n; d += 1) if (n % d === 0) isPrime = false;
    if (!isPrime) continue;
    if (START.length < 8) START.push((Math.sqrt(n) * 2 ** 32) | 0);
    K.push((Math.cbrt(n) * 2 ** 32) | 0);
  }
  class Sha256 {
    constructor() {
      this.state = Int32Array.from(START);
      this.words = new Int32Array(64);
      this.rest = new Uint8Array(0);
      this.length = 0;
    }
    add(bytes) {
      this.length += bytes.length;
      const all = new Uint8Array(this.rest.length + bytes.length);
      all.set(this.rest);
      all.set(bytes, this.rest.length);
      const view = new DataView(all.buffer);
      let at = 0;
      for (; at + 64 <= all.length; at += 64) this.block(view, at);
      this.rest = all.slice(at);
    }
    block(view, at) {
      const w = this.words;
      for (let i = 0; i < 16; i += 1) w[i] = view.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15];
        const y = w[i - 2];
        const s = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const t = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s + w[i - 7] + t) | 0;
      }
      let [a, b, c, d, e, f, g, h] = this.state;
      for (let i = 0; i < 64; i += 1) {
        const u = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const first = (h + u + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const v = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const second = (v + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + first) | 0;
        d = c; c = b; b = a; a = (first + second) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach((value, i) => { this.state[i] = (this.state[i] + value) | 0; });
    }
    hex() {
      const bits = this.length * 8;
      const tail = new Uint8Array(((this.rest.length + 8) >> 6 << 6) + 64 - this.rest.length);
      tail[0] = 0x80;
      const view = new DataView(tail.buffer);
      view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32));
      view.setUint32(tail.length - 4, bits >>> 0);
      this.add(tail);
      return [...this.state].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
    }
  }

  const call = async (method, address, body, headers = {}) => {
    const answer = await fetch(address, {
      method, body, credentials: "same-origin",
      headers: { Accept: "application/json", "X-CSRFToken": token, ...headers },
    });
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(found.detail || answer.statusText), found, { status: answer.status });
    return found;
  };
  const json = { "Content-Type": "application/json" };

  const show = (file, done, words) => {
    part("progress").hidden = false;
    part("name").textContent = file.name;
    const share = file.size ? Math.floor((100 * done) / file.size) : 0;
    part("share").textContent = `${share} %`;
    const bar = part("progress").querySelector(".bar");
    bar.setAttribute("aria-valuenow", String(share));
    bar.firstElementChild.style.width = `${share}%`;
    if (part("words").textContent !== words) part("words").textContent = words;
  };
  const refuse = (message) => {
    part("refusal").hidden = !message;
    part("refusal").textContent = message;
  };

  // An upload goes on after a reload when the same file is chosen again, with what was said of it.
  const open = async (file) => {
    const said = `${form.elements.currency.value}:${form.elements.cut_off_date.value}`;
    const key = `upload:${form.dataset.seller}:${said}:${file.name}:${file.size}:${file.lastModified}`;
    const known = localStorage.getItem(key);
    if (known) {
      try {
        const upload = await call("GET", `${api}${known}/`);
        if (upload.state === "receiving") return [key, upload];
      } catch (error) { if (error.status !== 404) throw error; }
    }
    const upload = await call("POST", api, JSON.stringify({
      file_name: file.name, size: file.size, seller: form.dataset.seller,
      currency: form.elements.currency.value, cut_off_date: form.elements.cut_off_date.value,
    }), json);
    localStorage.setItem(key, upload.id);
    return [key, upload];
  };

  const patch = async (address, offset, bytes) => {
    for (let tries = 0; ; tries += 1) {
      try {
        return await call("PATCH", address, bytes, {
          "Content-Type": "application/octet-stream", "Upload-Offset": String(offset),
        });
      } catch (error) {
        // A lost connection is tried again; a refusal is not.
        if (error.status || tries >= 5) throw error;
        await new Promise((resume) => { setTimeout(resume, 500 * 2 ** tries); });
      }
    }
  };

  const send = async (file) => {
    const [key, upload] = await open(file);
    const address = `${api}${upload.id}/`;
    const digest = new Sha256();
    let offset = 0;
    for (let at = 0; at < file.size; at += CHUNK) {
      const bytes = new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
      digest.add(bytes);
      if (isStopped) { show(file, at, "Paused. Upload goes on where it stopped."); return; }
      if (at + bytes.length > upload.received) {
        const start = Math.max(at, upload.received);
        show(file, start, "Sending");
        await patch(address, start, bytes.subarray(start - at));
      }
      offset = at + bytes.length;
      show(file, offset, offset <= upload.received ? "Comparing with what is here" : "Sending");
    }
    show(file, offset, "Checking the content");
    await call("POST", `${address}finish/`, JSON.stringify({ sha256: digest.hex() }), json);
    localStorage.removeItem(key);
    const mapping = form.elements.mapping.value;
    if (mapping) await call("POST", `${address}import/`, JSON.stringify({ mapping }), json);
    // The workbench of the file; of an imported one, its tape.
    window.location.assign(upload.url);
  };

  form.addEventListener("submit", async (event) => {
    const file = form.elements.file.files[0];
    // An incomplete form goes to the server, which says what is missing.
    if (!file || !file.size || !form.elements.cut_off_date.value) return;
    event.preventDefault();
    isStopped = false;
    refuse("");
    const button = event.submitter || form.querySelector(".btn.primary");
    button.disabled = true;
    try {
      await send(file);
    } catch (error) {
      refuse(error.message || "The connection was lost. Upload again: it goes on where it stopped.");
    } finally {
      button.disabled = false;
    }
  });
  part("stop").addEventListener("click", () => { isStopped = true; });
})();

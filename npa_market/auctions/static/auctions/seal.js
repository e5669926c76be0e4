// Seals a bid in the browser: the venue receives 560 bytes and no amount. The same form as offline/seal.py:
// HPKE base mode (RFC 9180), DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
(() => {
  "use strict";
  const PLAIN = 512, subtle = globalThis.crypto && globalThis.crypto.subtle;
  const MAX_MINOR = 2n ** 53n - 1n;
  const bytes = (text) => new TextEncoder().encode(text);
  const join = (...parts) => {
    const all = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    parts.reduce((at, part) => { all.set(part, at); return at + part.length; }, 0);
    return all;
  };
  const fromHex = (text) => Uint8Array.from(text.match(/../g), (pair) => parseInt(pair, 16));
  const hex = (array) => [...array].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const base64 = (array) => btoa(String.fromCharCode(...array));
  const fromBase64Url = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  // Canonical JSON of a flat object of texts and whole numbers.
  const canonical = (object) => JSON.stringify(object, Object.keys(object).sort());

  const KEM = join(bytes("KEM"), [0, 0x20]);
  const SUITE = join(bytes("HPKE"), [0, 0x20, 0, 1, 0, 2]);
  const VERSION = bytes("HPKE-v1");

  const hmac = async (key, data) => {
    const imported = await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new Uint8Array(await subtle.sign("HMAC", imported, data));
  };
  const extract = (suite, salt, label, material) =>
    hmac(salt.length ? salt : new Uint8Array(32), join(VERSION, suite, bytes(label), material));
  const expand = async (suite, secret, label, info, length) =>
    (await hmac(secret, join([length >> 8, length & 255], VERSION, suite, bytes(label), info, [1]))).slice(0, length);

  const context = (sheet) => bytes(canonical({ use: "npa-market sealed bid 1", bidder: sheet.bidder,
    currency: sheet.currency, lot: sheet.lot, terms_sha256: sheet.terms_sha256 }));

  // In the first lot of an event an envelope may bid for the whole, beside the amount or without it.
  const padded = (minor, whole) => {
    const parts = [minor === null ? "" : `"amount_minor":${minor}`, '"v":1', whole === null ? "" : `"whole_minor":${whole}`];
    const body = bytes(`{${parts.filter(Boolean).join(",")}}`);
    const plain = new Uint8Array(PLAIN);
    plain.set([body.length >> 8, body.length & 255]);
    plain.set(body, 2);
    return plain;
  };

  const seal = async (minor, sheet, whole = null) => {
    const recipient = fromHex(sheet.public_key);
    const pair = await subtle.generateKey({ name: "X25519" }, true, ["deriveBits"]);
    const encapsulated = new Uint8Array(await subtle.exportKey("raw", pair.publicKey));
    const lotKey = await subtle.importKey("raw", recipient, { name: "X25519" }, false, []);
    const agreed = new Uint8Array(await subtle.deriveBits({ name: "X25519", public: lotKey }, pair.privateKey, 256));
    const none = new Uint8Array(0);
    const shared = await expand(KEM, await extract(KEM, none, "eae_prk", agreed), "shared_secret", join(encapsulated, recipient), 32);
    const schedule = join([0], await extract(SUITE, none, "psk_id_hash", none), await extract(SUITE, none, "info_hash", context(sheet)));
    const secret = await extract(SUITE, shared, "secret", none);
    const key = await subtle.importKey("raw", await expand(SUITE, secret, "key", schedule, 32), "AES-GCM", false, ["encrypt"]);
    const nonce = await expand(SUITE, secret, "base_nonce", schedule, 12);
    const cipher = new Uint8Array(await subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, padded(minor, whole)));
    const ephemeral = fromBase64Url((await subtle.exportKey("jwk", pair.privateKey)).d);
    return { envelope: join(encapsulated, cipher), ephemeral };
  };

  // Read as on every other form: full-width digits count, thousands may be set off in threes.
  const minorUnits = (typed, decimals) => {
    const narrow = typed.replace(/[\uff0c\uff0e\uff10-\uff19]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)).trim();
    const text = /^[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$/.test(narrow) ? narrow.replaceAll(",", "") : narrow;
    const form = decimals ? new RegExp(`^[0-9]{1,16}(\\.[0-9]{1,${decimals}})?$`) : /^[0-9]{1,16}$/;
    if (!form.test(text)) return null;
    const [whole, part = ""] = text.split(".");
    const minor = BigInt(whole + part.padEnd(decimals, "0"));
    return minor > 0n && minor <= MAX_MINOR ? minor : null;
  };

  const canSeal = async () => {
    try { await subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]); return true; } catch { return false; }
  };

  const start = async (form) => {
    const sheet = JSON.parse(document.getElementById("bid-sheet").textContent);
    const part = (name) => form.querySelector(`[data-${name}]`);
    const say = (words) => { part("seal-words").textContent = words; };
    if (!(await canSeal())) {
      say("This browser cannot seal (no X25519). Use a current browser or the offline tool seal.py below.");
      return;
    }
    const button = part("seal"), hand = part("hand-in"), save = part("receipt");
    button.disabled = false;
    // The venue never learns an amount, so the buyer's own marks are held against it here.
    const own = document.getElementById("bid-marks");
    const marks = own ? JSON.parse(own.textContent) : {};
    const beyond = (minor, mark) => Number.isInteger(mark) && minor > BigInt(mark);
    const fields = [{ input: part("seal-amount"), name: "amount", marks, what: "this lot", start: "the start price", asked: null }];
    if (part("seal-whole")) fields.push({ input: part("seal-whole"), name: "amount for the whole", marks: marks.whole || {},
      what: "the lots of this event", start: "the sum of the start prices", asked: null });
    // The words about what was typed wrong, above a limit or unusual; empty where it can be sealed.
    const fault = (field, isOnly) => {
      const text = field.input.value.trim(), { minor, name } = field;
      if (!text && field.asked !== null) return `Type the ${name} once more, or load the page again to leave it out.`;
      if (minor === null && (text || isOnly)) return `The ${name}: digits, a point and at most ${sheet.decimals} decimals; for example 3,172,415.07.`;
      if (minor === null) return "";
      if (beyond(minor, field.marks.limit_minor)) return `The ${name} is above the limit that your institution approved for ${field.what}. Nothing was sealed.`;
      if (!beyond(minor, field.marks.far_minor) && !beyond(minor, field.marks.own_minor) || minor === field.asked) return "";
      field.asked = minor;
      field.input.value = "";
      return `Is this ${name} meant? It is far above ${beyond(minor, field.marks.own_minor) ? "your own valuation" : field.start}. Type it once more, then press Seal.`;
    };
    button.addEventListener("click", async () => {
      for (const field of fields) field.minor = minorUnits(field.input.value, sheet.decimals);
      const isNothing = fields.every((field) => !field.input.value.trim());
      for (const field of fields) {
        const words = fault(field, isNothing && field === fields[0]);
        field.input.setAttribute("aria-invalid", String(Boolean(words)));
        if (words) {
          field.input.focus();
          say(words);
          return;
        }
      }
      for (const field of fields) field.asked = null;
      const minor = fields[0].minor, whole = fields[1] ? fields[1].minor : null;
      button.disabled = true;
      const sealed = await seal(minor, sheet, whole).catch(() => null);
      button.disabled = false;
      if (sealed === null) {
        say("Nothing was sealed: this browser and the key of the lot do not work together. Use the offline tool seal.py below.");
        return;
      }
      const { envelope, ephemeral } = sealed;
      const sum = hex(new Uint8Array(await subtle.digest("SHA-256", envelope)));
      const amounts = { ...(minor === null ? {} : { amount_minor: Number(minor) }), ...(whole === null ? {} : { whole_minor: Number(whole) }) };
      const receipt = { ...amounts, bidder: sheet.bidder, currency: sheet.currency, envelope: base64(envelope),
        envelope_sha256: sum, ephemeral_private_key: hex(ephemeral), lot: sheet.lot, terms_sha256: sheet.terms_sha256, v: 1 };
      if (save.href) URL.revokeObjectURL(save.href);
      save.href = URL.createObjectURL(new Blob([`${JSON.stringify(receipt, null, 1)}\n`], { type: "application/json" }));
      save.download = `receipt-${sheet.reference}.json`;
      save.hidden = false;
      part("envelope").value = base64(envelope);
      for (const field of fields) field.input.value = "";
      hand.disabled = true;
      say(`Sealed. SHA-256 ${sum}. Save the secret receipt first; then hand the envelope in.`);
      save.focus();
    });
    // The receipt is the only copy of the amount: nothing is handed in before it is saved.
    save.addEventListener("click", () => { hand.disabled = false; });
    for (const field of fields) field.input.addEventListener("input", () => { hand.disabled = true; save.hidden = true; part("envelope").value = ""; });
  };

  globalThis.npaSeal = { seal, minorUnits };
  const startAll = () => document.querySelectorAll("form[data-seal-form]").forEach(start);
  document.addEventListener("lot-panel-renewed", startAll);
  startAll();
})();

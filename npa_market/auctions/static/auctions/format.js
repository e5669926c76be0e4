// Keeps the page of a sealed, falling or negotiated lot up to date; without it the page is complete.
"use strict";
(() => {
  const lot = document.getElementById("lot");
  if (!lot || lot.hasAttribute("data-over")) return;
  let seq = Number(lot.dataset.seq);
  // The venue's clock minus this machine's, ms: from the page at first, then from each pulse.
  let offset = Date.parse(lot.dataset.now) - Date.now();

  let connection = null; // What the tag says, and its tone; a renewed board is told again.
  const say = (words, tone) => {
    connection = [words, tone];
    const tag = document.querySelector("[data-connection]");
    if (!tag) return;
    tag.textContent = words;
    tag.className = `tag ${tone}`;
  };
  // A form that came back with a fault keeps what was typed, as one that is being filled in does,
  // and a sealed envelope stays until it is handed in.
  const isUntouched = (panel) =>
    !panel.querySelector(".summary, [data-receipt]:not([hidden])") &&
    [...panel.querySelectorAll("input, textarea")].every(
      (field) => field.type === "hidden" || field.value === field.defaultValue,
    );

  async function renew() {
    const answer = await fetch(lot.dataset.page, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-renew]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) old.replaceWith(document.adoptNode(fresh));
    }
    renewPanel(document.getElementById("lot-panel"), page.getElementById("lot-panel"));
    if (connection) say(...connection);
    tick();
    const last = document.querySelector("#lot-events tbody tr td:nth-child(2)");
    document.querySelector("[data-announce]").textContent = (last || document.getElementById("lot-tag")).textContent;
  }

  function renewPanel(old, fresh) {
    if (isUntouched(old)) {
      old.replaceWith(document.adoptNode(fresh));
      if (window.htmx) window.htmx.process(fresh);
      document.dispatchEvent(new Event("lot-panel-renewed"));
    } else {
      const stale = old.querySelector("[data-stale]");
      if (stale) stale.hidden = false;
    }
  }

  const settled = (value) => JSON.parse(value);
  function tick() {
    const now = Date.now() + offset;
    const price = document.querySelector("[data-falls]");
    if (price) {
      const falls = settled(price.dataset.falls);
      const ticks = Math.max(0, Math.floor((now - Date.parse(falls.from)) / (falls.seconds * 1000)));
      const minor = Math.max(falls.lowest, falls.start - ticks * falls.step);
      const money = new Intl.NumberFormat("en-US", {
        minimumFractionDigits: falls.digits,
        maximumFractionDigits: falls.digits,
      });
      price.textContent = falls.symbol + money.format(minor / 10 ** falls.digits);
      const hidden = document.querySelector('#lot-panel input[name="amount_minor"]');
      if (hidden) hidden.value = minor;
    }
    const clock = document.querySelector("[data-until]");
    if (clock) {
      const left = Math.max(0, Math.round((Date.parse(clock.dataset.until) - now) / 1000));
      const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
      clock.textContent = parts.map((part) => String(part).padStart(2, "0")).join(":");
    }
  }

  async function ask() {
    try {
      const answer = await fetch(`${lot.dataset.state}?after=${seq}`);
      const state = await answer.json();
      offset = Date.parse(state.now) - Date.now();
      say("asking", "");
      if (state.seq > seq) {
        seq = state.seq;
        await renew();
      }
    } catch {
      say("no connection", "bad");
    }
  }

  let polling = null;
  const source = new EventSource(`${lot.dataset.feed}?after=${seq}`);
  source.onopen = () => {
    clearInterval(polling);
    polling = null;
    say("live", "good");
  };
  source.addEventListener("pulse", (event) => {
    offset = Date.parse(JSON.parse(event.data).now) - Date.now();
  });
  source.addEventListener("lot", (event) => {
    seq = Math.max(seq, Number(event.lastEventId));
    renew();
  });
  source.onerror = () => {
    say("connecting", "warn");
    if (polling === null) polling = setInterval(ask, 2000);
  };
  setInterval(tick, 250);
  tick();
})();

// Keeps the page of a lot up to date: live feed first, asking every two seconds where it fails.
// The venue's clock counts; the browser's only fills the time between two answers.
(() => {
  "use strict";
  const root = document.getElementById("lot");
  const lot = JSON.parse(document.getElementById("lot-live").textContent);
  const own = root.dataset.own || "";
  const title = document.title;
  const BIDS = ["bid_accepted", "bid_outbid"];
  const ENDED = ["sold", "unsold", "cancelled"];
  const STATES = { announced: ["warn", "Announced"], open: ["live", "Bidding"],
    suspended: ["warn", "Suspended"], opening: ["warn", "Awaits opening"], sold: ["good", "Sold"],
    unsold: ["bad", "Unsold"], cancelled: ["bad", "Cancelled"] };
  const POLL = 2000, QUIET = 25000, NEAR = 60000;
  let offset = Date.parse(lot.now) - Date.now();
  let heard = Date.now();
  let source = null, poll = null;

  const all = (name) => root.querySelectorAll(`[data-${name}]`);
  const show = (name, text) => { for (const node of all(name)) if (node.textContent !== text) node.textContent = text; };
  const now = () => Date.now() + offset;
  const symbol = lot.symbol;

  const money = (minor) => {
    const text = String(minor).padStart(lot.digits + 1, "0");
    const whole = lot.digits ? text.slice(0, -lot.digits) : text;
    const parts = lot.digits ? `.${text.slice(-lot.digits)}` : "";
    return whole.replace(/\B(?=(\d{3})+$)/g, ",") + parts;
  };
  const clock = (iso, ms) => {
    const shown = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit",
      fractionalSecondDigits: ms ? 3 : undefined, timeZone: lot.zone });
    return shown.format(Date.parse(iso));
  };
  const day = (moment) => new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: lot.zone }).format(moment);
  // The day stands beside the time unless it is today's in the lot's zone.
  const dated = (iso) => (day(Date.parse(iso)) === day(now()) ? clock(iso) : `${day(Date.parse(iso))} ${clock(iso)}`);
  const bids = () => lot.events.filter((event) => BIDS.includes(event.kind));
  const leading = () => bids().at(-1);
  const stepAt = (minor) => lot.higher_steps.reduce((step, [from, higher]) => (minor >= from ? higher : step), lot.step_minor);
  const floor = (steps = 1) => {
    let minor = leading() ? leading().amount_minor + stepAt(leading().amount_minor) : lot.start_price_minor;
    for (let step = 1; step < steps; step += 1) minor += stepAt(minor);
    return minor;
  };

  const connection = (tone, words) => {
    for (const node of all("connection")) { node.className = `tag ${tone}`; node.textContent = words; }
  };

  const addRow = (event) => {
    const before = bids().at(-2);
    const row = document.createElement("tr");
    row.dataset.seq = event.seq;
    const cell = (text, name) => {
      const node = document.createElement("td");
      node.textContent = text;
      if (name) node.className = name;
      row.append(node);
      return node;
    };
    cell(event.seq);
    const who = cell(event.label);
    if (own && event.label === own) {
      const mark = document.createElement("span");
      mark.className = "tag good";
      mark.textContent = "you";
      who.append(" ", mark);
    }
    cell(event.amount, "num");
    cell(before ? `+${money(event.amount_minor - before.amount_minor)}` : "", "num");
    cell(clock(event.decided_at, true));
    cell("");
    for (const body of all("rows")) body.prepend(row);
    for (const node of all("none")) node.hidden = true;
  };

  const refreshPanel = () => {
    if (root.dataset.panel && window.htmx) {
      window.htmx.ajax("GET", root.dataset.panel, { target: "#bid-panel", swap: "outerHTML" });
    }
  };

  const apply = (event) => {
    if (event.seq <= lot.seq) return;
    if (event.seq > lot.seq + 1) { ask(); return; } // A gap: the missing events are asked for.
    lot.seq = event.seq;
    lot.events.push(event);
    let words = "";
    if (BIDS.includes(event.kind)) {
      addRow(event);
      if (own && event.label !== own && bids().at(-2) && bids().at(-2).label === own) beep(440);
      words = event.kind === "bid_outbid" ? `Price ${event.amount}; the leader stays.`
        : `Leading bid ${event.amount} by ${event.label === own && own ? "you" : event.label}.`;
      for (const node of all("price")) { node.classList.remove("flash"); void node.offsetWidth; node.classList.add("flash"); }
    } else if (event.kind === "end_extended") {
      lot.ends_at = event.ends_at;
      const row = root.querySelector(`tr[data-seq="${event.seq - 1}"]`);
      if (row) row.lastElementChild.textContent = `end ${clock(event.ends_at, true)}`;
      words = `End extended to ${clock(event.ends_at)}.`;
    } else if (event.kind === "opened") {
      lot.state = "open";
      words = "Bidding is open.";
      refreshPanel();
    } else if (event.kind === "suspended") {
      lot.state = "suspended";
      words = `Bidding is suspended: ${event.reason}`;
      show("suspension-reason", /[.!?。！？]$/.test(event.reason) ? event.reason : `${event.reason}.`);
      refreshPanel();
    } else if (event.kind === "resumed") {
      lot.state = "open";
      // A suspension moves the hard end as far as the end.
      lot.last_end_at = new Date(Date.parse(lot.last_end_at) + Date.parse(event.ends_at) - Date.parse(lot.ends_at)).toISOString();
      lot.ends_at = event.ends_at;
      show("hard-end", dated(lot.last_end_at));
      words = `Bidding goes on; the end is ${clock(event.ends_at)}.`;
      refreshPanel();
    } else if (ENDED.includes(event.kind)) {
      lot.state = event.kind;
      words = event.kind === "sold" ? `Sold to ${event.label === own && own ? "you" : event.label} at ${event.amount}.`
        : event.kind === "unsold" ? "Ended without a sale." : `${event.party === "seller" ? "Withdrawn by the seller" : "Cancelled"}: ${event.reason}`;
      refreshPanel();
      stop();
    }
    draw();
    for (const node of all("announce")) node.textContent = words;
  };

  const draw = () => {
    const lead = leading();
    if (lead) {
      show("price-title", "Leading bid");
      show("price", symbol + lead.amount);
      show("of-claim", `${((lead.amount_minor * 100) / lot.claim_minor).toFixed(2)} %`);
      show("of-principal", `${((lead.amount_minor * 100) / lot.principal_minor).toFixed(2)} %`);
      for (const node of all("lead")) node.hidden = (node.dataset.lead === "yes") !== (own !== "" && lead.label === own);
    }
    show("bids", String(bids().length));
    show("floor", symbol + money(floor()));
    const extensions = lot.events.filter((event) => event.kind === "end_extended").length;
    show("extensions", String(extensions));
    for (const node of all("extended")) node.hidden = !extensions;
    const [tone, label] = STATES[lot.state];
    for (const node of all("state-tag")) {
      node.firstElementChild.className = `tag ${tone}`;
      node.firstElementChild.textContent = label;
    }
    if (lot.state === "open") show("end", dated(lot.ends_at));
    for (const node of all("suspension")) node.hidden = lot.state !== "suspended";
    for (const box of all("chart-box")) box.hidden = lot.state === "announced";
    for (const svg of all("chart")) window.drawLotChart(svg, lot, now(), own);
  };

  let overdue = false, beeped = null, audio = null;
  // Sound is the reader's choice, kept on this machine; a browser plays none before a click.
  const sound = root.querySelector("[data-sound]");
  const beep = (hertz) => {
    if (!audio || !sound.checked) return;
    const tone = audio.createOscillator(), volume = audio.createGain();
    tone.frequency.value = hertz;
    volume.gain.value = 0.1;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.15);
  };
  if (sound) {
    sound.addEventListener("change", () => {
      audio = audio || new AudioContext();
      beep(660);
    });
  }
  const tick = () => {
    const target = lot.state === "announced" ? lot.opens_at : lot.ends_at;
    const left = Date.parse(target) - now();
    if (ENDED.includes(lot.state)) {
      show("clock-title", "Ended");
      if (lot.events.length) show("clock", clock(lot.events.at(-1).decided_at));
      document.title = title;
      return;
    }
    if (lot.state === "suspended") {
      show("clock-title", "Suspended");
      show("clock", "paused");
      document.title = title;
      return;
    }
    show("clock-title", lot.state === "announced" ? "Opens in" : "Ends in");
    const seconds = Math.max(0, Math.ceil(left / 1000));
    const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    const two = (value) => String(value).padStart(2, "0");
    const text = days ? `${days} d ${two(hours)}:${two(minutes)}:${two(seconds % 60)}`
      : hours ? `${two(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${two(minutes)}:${two(seconds % 60)}`;
    show("clock", text);
    const near = lot.state === "open" && left < NEAR;
    for (const node of all("clock")) node.classList.toggle("near", near);
    if (near && own && seconds !== beeped && (seconds === 60 || seconds === 30 || seconds <= 10)) {
      beeped = seconds;
      beep(880);
    }
    document.title = near ? `${text} · ${title}` : title;
    // At zero the venue is asked once a second until it has decided.
    if (left <= 0 && !overdue) { overdue = true; ask(); setTimeout(() => { overdue = false; }, 1000); }
    if (source && Date.now() - heard > QUIET) { source.close(); source = null; startPolling(); }
  };

  const ask = async () => {
    const sent = Date.now();
    try {
      const answer = await fetch(`${root.dataset.state}?after=${lot.seq}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const state = await answer.json();
      const received = Date.now();
      // The middle of the round trip is the best guess of when the venue read its clock.
      offset = Date.parse(state.now) - (sent + received) / 2;
      // A browser an hour off still counts down by the venue's clock, and says so.
      const apart = Math.round(Math.abs(offset) / 1000);
      show("offset", apart < 2 ? "" : `your clock is ${apart} s ${offset > 0 ? "behind" : "ahead"}; the venue's counts`);
      show("lag", `${Math.round((received - sent) / 2)} ms behind`);
      for (const event of state.events) apply(event);
      if (poll) connection("warn", "asking every 2 s");
    } catch {
      if (poll) connection("bad", "no connection");
    }
  };

  const startPolling = () => {
    if (poll || ENDED.includes(lot.state)) return;
    connection("warn", "asking every 2 s");
    poll = setInterval(ask, POLL);
    ask();
  };
  const stop = () => {
    if (source) source.close();
    clearInterval(poll);
    source = poll = null;
    connection("", "ended");
  };

  const listen = () => {
    if (!window.EventSource) { startPolling(); return; }
    source = new EventSource(`${root.dataset.feed}?after=${lot.seq}`);
    const live = () => {
      heard = Date.now();
      clearInterval(poll);
      poll = null;
      connection("good", "live");
    };
    source.addEventListener("pulse", live);
    source.addEventListener("lot", (message) => { live(); apply(JSON.parse(message.data)); });
    source.addEventListener("error", () => {
      if (!source) return;
      // While the browser tries to reach the feed again, or gave up, the page asks by itself.
      if (source.readyState === EventSource.CLOSED) source = null;
      startPolling();
    });
  };

  // Step buttons fill in the amount; without this script they lead to the review.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-steps]");
    if (!button) return;
    event.preventDefault();
    const field = button.form.elements.amount;
    field.value = money(floor(Number(button.dataset.steps)));
    field.focus();
  });
  // "Busy, nothing was done" is an answer to show like any other.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 503) { event.detail.shouldSwap = true; event.detail.isError = false; }
  });
  // A panel just written by the server may know events that have not arrived here yet.
  document.addEventListener("htmx:afterSwap", () => {
    if (Number(document.getElementById("bid-panel").dataset.seq) > lot.seq) ask();
    else show("floor", symbol + money(floor()));
  });

  draw();
  tick();
  setInterval(tick, 250);
  if (ENDED.includes(lot.state)) connection("", "ended");
  else { ask(); listen(); }
})();

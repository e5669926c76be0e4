// The price of a lot over time as steps, drawn from its events into an empty SVG.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const BOX = { left: 84, right: 632, top: 14, bottom: 124 };

  const add = (parent, name, attributes, text) => {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    parent.append(node);
    return node;
  };

  const short = (minor, digits) => {
    const major = minor / 10 ** digits;
    for (const [size, unit] of [[1e9, " bn"], [1e6, " M"], [1e3, " k"]]) {
      if (major >= size) return (major / size).toFixed(2) + unit;
    }
    return major.toFixed(digits ? 2 : 0);
  };

  // lot: { events, opens_at, ends_at, start_price_minor, digits, zone }, now in ms, own label.
  window.drawLotChart = (svg, lot, now, own) => {
    const bids = lot.events.filter((event) => event.kind === "bid_accepted");
    const extensions = lot.events.filter((event) => event.kind === "end_extended");
    const first = Date.parse(lot.opens_at);
    const last = Math.max(Math.min(now, Date.parse(lot.ends_at)), first + 60000);
    const highest = bids.length ? bids[bids.length - 1].amount_minor : lot.start_price_minor;
    const low = lot.start_price_minor;
    const high = Math.max(highest, low * 1.05);
    const x = (time) => BOX.left + ((BOX.right - BOX.left) * (time - first)) / (last - first);
    const y = (minor) => BOX.bottom - ((BOX.bottom - BOX.top) * (minor - low)) / (high - low);
    const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: lot.zone });

    svg.replaceChildren();
    // On a phone the text is drawn larger, so the labels need more of the width.
    BOX.left = svg.clientWidth && svg.clientWidth < 480 ? 132 : 84;
    for (const part of [0, 0.5, 1]) {
      const minor = low + (high - low) * part;
      add(svg, "path", { class: "rule", d: `M${BOX.left} ${y(minor)}H${BOX.right}` });
      add(svg, "text", { x: BOX.left - 6, y: y(minor) + 4, "text-anchor": "end" }, short(minor, lot.digits));
      const at = first + (last - first) * part;
      const anchor = ["start", "middle", "end"][part * 2];
      add(svg, "text", { x: x(at), y: 144, "text-anchor": anchor }, time.format(at));
    }
    for (const event of extensions) {
      const at = x(Date.parse(event.decided_at));
      add(svg, "path", { class: "extended", d: `M${at} ${BOX.top}V${BOX.bottom}` });
    }
    if (!bids.length) return;
    let line = "";
    for (const bid of bids) {
      const at = x(Date.parse(bid.decided_at));
      line += line ? `H${at}V${y(bid.amount_minor)}` : `M${at} ${y(low)}V${y(bid.amount_minor)}`;
    }
    add(svg, "path", { class: "price-line", d: `${line}H${x(last)}` });
    for (const bid of bids) {
      if (bid.label !== own && bid !== bids[bids.length - 1]) continue;
      add(svg, "circle", {
        class: bid.label === own ? "own" : "other", r: 4,
        cx: x(Date.parse(bid.decided_at)), cy: y(bid.amount_minor),
      });
    }
    svg.setAttribute("aria-label", `Leading bid by time: ${bids.length} bids from ` +
      `${short(bids[0].amount_minor, lot.digits)} to ${short(highest, lot.digits)}`);
  };
})();

// Keys of the mapping workbench: the page works without them.
(() => {
  "use strict";

  const lines = () => [...document.querySelectorAll("tr[data-line]")];
  const lineOf = (element) => element.closest?.("tr[data-line]");

  const go = (line, step) => {
    const all = lines();
    const next = all[Math.min(Math.max(all.indexOf(line) + step, 0), all.length - 1)];
    for (const each of all) each.tabIndex = each === next ? 0 : -1;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  const take = (line, wanted) => {
    const box = line.querySelector("input[type=checkbox]");
    if (box.checked !== wanted) {
      box.checked = wanted;
      box.dispatchEvent(new Event("change", { bubbles: true }));
    }
    go(line, 1);
  };

  const keys = {
    a: (line) => take(line, true),
    Enter: (line) => take(line, true),
    s: (line) => take(line, false),
    j: (line) => go(line, 1),
    ArrowDown: (line) => go(line, 1),
    k: (line) => go(line, -1),
    ArrowUp: (line) => go(line, -1),
  };

  document.addEventListener("keydown", (event) => {
    const line = lineOf(event.target);
    // Inside a choice or a field the keys belong to it.
    if (!line || event.target !== line || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act(line);
  });

  // Each list of choices comes once with the page; every line gets a copy of its own.
  const fill = () => {
    for (const select of document.querySelectorAll("select[data-choices]")) {
      const choices = document.getElementById(select.dataset.choices);
      if (!choices) continue;
      const chosen = select.value;
      const known = [...select.options].find((option) => option.value === chosen);
      select.replaceChildren(choices.content.cloneNode(true));
      select.value = chosen;
      if (select.value !== chosen && known) {
        select.prepend(known); // As stated by hand: not among the usual ones.
        select.value = chosen;
      }
      delete select.dataset.choices;
    }
  };
  fill();
  document.addEventListener("htmx:afterSwap", fill);

  // A new field for a column takes the column in.
  document.addEventListener("change", (event) => {
    if (!event.target.name?.startsWith("target_")) return;
    const box = lineOf(event.target).querySelector("input[type=checkbox]");
    box.checked = event.target.value !== "";
  }, true);

  // The table is drawn anew after each change: the reader stays where he was.
  let at = null;
  let scrolled = 0;
  document.addEventListener("htmx:beforeSwap", () => {
    at = document.activeElement?.id || null;
    scrolled = document.querySelector(".scroll.bench")?.scrollTop ?? 0;
  });
  document.addEventListener("htmx:afterSettle", () => {
    const box = document.querySelector(".scroll.bench");
    if (box) box.scrollTop = scrolled;
    const element = at && document.getElementById(at);
    if (element && document.activeElement !== element) {
      if (element.matches("tr[data-line]")) {
        for (const each of lines()) each.tabIndex = each === element ? 0 : -1;
      }
      element.focus({ preventScroll: true });
    }
  });
})();

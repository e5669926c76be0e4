// Small conveniences on top of pages that work without them.
(() => {
  "use strict";

  // An open menu closes on Escape and on a click elsewhere.
  const menus = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // A form that was refused takes the reader to its summary.
  document.querySelector("main .summary")?.focus();

  // A field that counts for some choices stands there with them: data-only-for="format=dutch sealed".
  const fit = (form) => {
    for (const input of form.querySelectorAll("[data-only-for]")) {
      const [name, values] = input.dataset.onlyFor.split("=");
      const isOwn = values.split(" ").includes(form.elements[name]?.value);
      input.closest(".field").hidden = !isOwn && !input.matches("[aria-invalid=true]");
    }
  };
  document.addEventListener("change", (event) => event.target.form && fit(event.target.form));
  for (const form of document.forms) fit(form);

  // What cannot be undone is confirmed in words: <form data-confirm="…">.
  document.addEventListener("submit", (event) => {
    const words = event.target.dataset?.confirm;
    if (words && !window.confirm(words)) event.preventDefault();
  });

  // The part of a wide table that is in view can be reached by keyboard.
  const reach = (root) => {
    for (const box of root.querySelectorAll(".scroll:not([tabindex])")) {
      if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
    }
  };
  reach(document);
  document.addEventListener("htmx:afterSettle", (event) => reach(event.target));

  // The current room stays in view where the navigation scrolls.
  const here = document.querySelector(".top nav a[aria-current]");
  if (here) here.parentElement.scrollLeft = here.offsetLeft - 14;
})();

// Draws each [data-vega] from the Vega-Lite specification beside it (a json_script). The drawing
// library is fetched only where a page has a chart; the interpreter keeps the page free of eval.
(() => {
  "use strict";
  const library = document.currentScript.dataset.library;
  let loaded;

  const load = () => {
    loaded ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = library;
      script.onload = () => resolve(window.vegaEmbed);
      script.onerror = () => reject(new Error("the drawing library did not load"));
      document.head.append(script);
    });
    return loaded;
  };

  const draw = async (place) => {
    place.dataset.drawn = "waiting";
    const spec = JSON.parse(document.getElementById(place.dataset.vega).textContent);
    try {
      const embed = await load();
      await embed(place, spec, { ast: true, actions: false, renderer: "svg" });
      place.dataset.drawn = "yes";
    } catch (error) {
      // The table below the chart says the same; open it instead of leaving a hole.
      place.dataset.drawn = "no";
      place.hidden = true;
      place.closest("figure").querySelector("details")?.setAttribute("open", "");
      console.error("chart not drawn:", error);
    }
  };

  const drawAll = (root) => {
    for (const place of root.querySelectorAll("[data-vega]:not([data-drawn])")) draw(place);
  };
  drawAll(document);
  document.addEventListener("htmx:afterSettle", (event) => drawAll(event.target));
})();

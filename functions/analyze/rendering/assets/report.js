(() => {
  "use strict";
  const root = document.documentElement;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)");
  const drawn = new Set();

  // Where a figure names a colour, its value is a variable of the style sheet: $group1 is --group1.
  function coloured(node, style) {
    if (Array.isArray(node)) return node.map((each) => coloured(each, style));
    if (node === null || typeof node !== "object") return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        key.endsWith("color") && typeof value === "string" && value.startsWith("$")
          ? style.getPropertyValue(`--${value.slice(1)}`).trim()
          : coloured(value, style),
      ]),
    );
  }

  function draw(plot) {
    const style = getComputedStyle(root);
    const name = (variable) => style.getPropertyValue(`--${variable}`).trim();
    const figure = coloured(figures[plot.id], style);
    const layout = {
      ...figure.layout,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", size: 12, color: name("ink") },
      // A finger has the buttons always in sight, above the chart.
      margin: { l: 8, r: 16, t: coarse.matches ? 36 : 12, b: 8 },
      hoverlabel: { bgcolor: name("panel"), bordercolor: name("soft"), font: { color: name("ink") }, align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: name("soft"), activecolor: name("ink") },
      // A finger that scrolls the page must not zoom a chart.
      dragmode: coarse.matches ? false : "zoom",
      width: plot.clientWidth,
    };
    drawn.add(plot);
    return window.Plotly.react(plot, figure.data, layout, {
      displaylogo: false,
      modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]],
      displayModeBar: coarse.matches ? true : "hover",
    }).then(() => {
      // The label says what is drawn; its ticks and marks, read out one by one, would not.
      plot.querySelectorAll("svg.main-svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
    });
  }

  function redraw() {
    drawn.forEach(draw);
  }

  async function unpacked(packed) {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  }

  async function start() {
    const script = document.createElement("script");
    script.textContent = await unpacked(document.getElementById("plotly").textContent);
    document.head.append(script);
    const plots = [...document.querySelectorAll(".plot")];
    // What is in sight comes first, the rest as it comes near.
    const near = new IntersectionObserver(
      (entries) => {
        for (const entry of entries.filter((each) => each.isIntersecting)) {
          near.unobserve(entry.target);
          draw(entry.target);
        }
      },
      { rootMargin: "600px" },
    );
    plots.forEach((plot) => near.observe(plot));
    dark.addEventListener("change", redraw);
    let resized;
    addEventListener("resize", () => {
      clearTimeout(resized);
      resized = setTimeout(redraw, 100);
    });

    let opened = [];
    addEventListener("beforeprint", () => {
      root.classList.add("paper");
      opened = [...document.querySelectorAll("details:not([open])")];
      opened.forEach((each) => (each.open = true));
      plots.forEach(draw);
    });
    addEventListener("afterprint", () => {
      root.classList.remove("paper");
      opened.forEach((each) => (each.open = false));
      redraw();
    });
    root.dataset.charts = "ready";
  }

  start().catch((error) => {
    root.dataset.charts = "failed";
    document.querySelectorAll("details").forEach((each) => (each.open = true));
    console.error(error);
  });
})();

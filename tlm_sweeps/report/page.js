"use strict";
(() => {
  const config = {
    responsive: true,
    displaylogo: false,
    // Named one by one: plotly's own set has a button that uploads the figure to its maker's server.
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    showSendToCloud: false,
    plotlyServerURL: "",
  };
  const touch = matchMedia("(pointer: coarse)").matches;
  const waiting = [...document.querySelectorAll("script[data-plot]")];
  const plots = [];
  const draw = (block) => {
    const place = document.getElementById(block.dataset.plot);
    const figure = JSON.parse(block.textContent);
    if (touch) figure.layout.dragmode = false; // a finger scrolls the page
    Plotly.newPlot(place, figure.data, figure.layout, config);
    plots.push({ place, height: figure.layout.height });
  };
  // One at a time, so that the words and tables can be read meanwhile.
  const drawNext = () => {
    const block = waiting.shift();
    if (!block) return;
    draw(block);
    setTimeout(drawNext);
  };
  setTimeout(drawNext);

  // Paper: A4 less its margins is 688 CSS pixels wide, two panels beside each other.
  const resize = (place, size) => {
    place.style.height = `${size.height}px`;
    Plotly.relayout(place, size);
  };
  const onPaper = ({ place, height }) => {
    const size = place.closest(".panels") ? { width: 334, height: 0.8 * height } : { width: 688, height };
    resize(place, { autosize: false, ...size });
  };
  addEventListener("beforeprint", () => {
    waiting.splice(0).forEach(draw);
    plots.forEach(onPaper);
  });
  addEventListener("afterprint", () => {
    for (const { place, height } of plots) resize(place, { autosize: true, width: null, height });
  });
})();

"use strict";
const figures = JSON.parse(document.getElementById("figures").textContent);
// The buttons are listed one by one because plotly's own set holds one that uploads the figure's data.
const config = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
};
for (const [id, figure] of Object.entries(figures)) {
  Plotly.newPlot(id, figure.data, figure.layout, config);
}

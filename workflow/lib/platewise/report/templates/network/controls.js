"use strict";
// Mouse, keys and buttons of the drawing, and its legend.
function listenToDrawing(choose) {
  const canvas = drawing.canvas;
  const tip = document.getElementById("tip");
  let held = null;
  const at = (event) => [event.offsetX, event.offsetY];
  canvas.addEventListener("pointerdown", (event) => {
    held = { at: at(event), moved: 0 };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (held) {
      held.moved += Math.hypot(x - held.at[0], y - held.at[1]);
      if (held.moved > 4) drawing.move(x - held.at[0], y - held.at[1]);
      held.at = [x, y];
    }
    const node = drawing.nodeAt(x, y);
    tip.hidden = node === null;
    canvas.style.cursor = node === null ? "grab" : "pointer";
    if (node === null) return;
    tip.textContent = `${nameOf(node)} (${mechanismOf(node) || "no known mechanism"})`;
    tip.style.left = `${Math.min(x + 12, Math.max(drawing.size[0] - tip.offsetWidth - 4, 0))}px`;
    tip.style.top = `${y + 14}px`;
  });
  canvas.addEventListener("pointerup", (event) => {
    const node = held && held.moved <= 4 ? drawing.nodeAt(...at(event)) : null;
    held = null;
    if (node !== null) choose(node);
  });
  canvas.addEventListener("pointercancel", () => { held = null; });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    // Without a key the wheel moves the page.
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    drawing.zoom(event.deltaY < 0 ? 1.25 : 0.8, ...at(event));
  }, { passive: false });
  const keys = {
    "+": () => drawing.zoom(1.25), "=": () => drawing.zoom(1.25), "-": () => drawing.zoom(0.8), 0: () => drawing.reset(),
    ArrowLeft: () => drawing.move(40, 0), ArrowRight: () => drawing.move(-40, 0), ArrowUp: () => drawing.move(0, 40), ArrowDown: () => drawing.move(0, -40),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    keys[event.key]();
  });
  document.getElementById("zoom-in").addEventListener("click", () => drawing.zoom(1.5));
  document.getElementById("zoom-out").addEventListener("click", () => drawing.zoom(1 / 1.5));
  document.getElementById("zoom-all").addEventListener("click", () => drawing.reset());
  document.getElementById("zoom-near").addEventListener("click", () => drawing.zoomNear());
  const colours = document.getElementById("colours");
  colours.addEventListener("change", () => {
    drawing.colours = colours.value;
    drawing.matches = null;
    showLegend();
    drawing.draw();
  });
  new ResizeObserver(() => drawing.fit()).observe(canvas);
}

// A button for each group: pressed, its members stay bright and the others fade.
function showLegend() {
  const groups = new Map();
  network.names.forEach((_, node) => {
    if (!network.drawn[node]) return;
    const [name, mark] = drawing.group(node);
    if (!groups.has(name)) groups.set(name, { mark, nodes: new Set() });
    groups.get(name).nodes.add(node);
  });
  const rest = ["other mechanisms", "other communities", "no known mechanism", "on its own"];
  const order = [...groups].sort((a, b) => rest.indexOf(a[0]) - rest.indexOf(b[0]) || a[0].localeCompare(b[0], "en", { numeric: true }));
  put("legend", ...order.map(([name, { mark, nodes }]) => {
    const swatch = make("canvas", { width: 36, height: 36, class: "mark", "aria-hidden": "true" });
    const pen = swatch.getContext("2d");
    pen.scale(2, 2);
    drawMark(pen, mark, 9, 9, 5.5);
    const button = make("button", { type: "button", class: "plain", "aria-pressed": "false" }, swatch, `${name} (${count(nodes.size)})`);
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const other of document.querySelectorAll("#legend button")) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(on));
      drawing.matches = on ? nodes : null;
      drawing.draw();
    });
    return make("li", {}, button);
  }));
}

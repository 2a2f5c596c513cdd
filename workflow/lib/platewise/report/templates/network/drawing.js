"use strict";
// The drawn network. Everything in it can also be reached by the search and the tables.
const MOST_NAMES = 60;
const MANY_LINES = 3000;
const [INK, NEUTRAL, ACCENT] = ["#1f2a33", "#9aa3ab", "#0b5878"];
const OUTLINES = {
  square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  diamond: [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]],
  "triangle-up": [[0, -1.2], [1.15, 0.85], [-1.15, 0.85]],
};
const ARMS = { cross: [[-1.1, 0, 1.1, 0], [0, -1.1, 0, 1.1]], x: [[-0.9, -0.9, 0.9, 0.9], [-0.9, 0.9, 0.9, -0.9]] };

function drawMark(pen, mark, x, y, size) {
  const [colour, symbol, open] = mark;
  pen.fillStyle = open ? "#ffffff" : colour;
  pen.strokeStyle = open ? colour : "#ffffff";
  pen.lineWidth = open ? 1.4 : 0.8;
  pen.beginPath();
  if (ARMS[symbol]) {
    pen.strokeStyle = colour;
    pen.lineWidth = open ? 1.2 : Math.max(size * 0.7, 1.5);
    for (const [x1, y1, x2, y2] of ARMS[symbol]) {
      pen.moveTo(x + size * x1, y + size * y1);
      pen.lineTo(x + size * x2, y + size * y2);
    }
    pen.stroke();
    return;
  }
  if (OUTLINES[symbol]) OUTLINES[symbol].forEach(([dx, dy], place) => (place ? pen.lineTo(x + size * dx, y + size * dy) : pen.moveTo(x + size * dx, y + size * dy)));
  else pen.arc(x, y, size, 0, 2 * Math.PI);
  pen.closePath();
  pen.fill();
  pen.stroke();
}

const drawing = {
  canvas: document.getElementById("drawing"),
  nodes: [],
  colours: "moa",
  selected: null,
  compared: null,
  matches: null,
  view: { zoom: 1, x: 0, y: 0 },

  // Names of the groups that are coloured, and the mark of each node.
  group(node) {
    if (this.colours === "moa") {
      if (network.moa[node] < 0) return ["no known mechanism", [NEUTRAL, "diamond", true]];
      const mark = network.moa_marks[network.moa[node]];
      return mark ? [mechanismOf(node), mark] : ["other mechanisms", [NEUTRAL, "x", true]];
    }
    const community = network.community[node];
    if (membersOf.get(community).length === 1) return ["on its own", [NEUTRAL, "diamond", true]];
    const mark = network.community_marks[community];
    return mark ? [`community ${community}`, mark] : ["other communities", [NEUTRAL, "x", true]];
  },

  near() {
    return this.selected === null ? [] : neighboursOf(this.selected);
  },

  fit() {
    const box = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(box.width * ratio);
    this.canvas.height = Math.round(box.height * ratio);
    this.size = [box.width, box.height, ratio];
    const shown = network.names.map((_, node) => node).filter((node) => network.drawn[node]);
    const range = (values) => {
      const own = shown.map((node) => values[node]);
      const [low, high] = [own.reduce((a, b) => Math.min(a, b), Infinity), own.reduce((a, b) => Math.max(a, b), -Infinity)];
      return own.length ? [(low + high) / 2, Math.max(high - low, 1e-6)] : [0, 1];
    };
    const [[x, width], [y, height]] = [range(network.x), range(network.y)];
    this.base = { x, y, scale: Math.min((box.width - 70) / width, (box.height - 60) / height) };
    this.draw();
  },

  place(node) {
    const scale = this.base.scale * this.view.zoom;
    return [
      this.size[0] / 2 + (network.x[node] - this.base.x) * scale + this.view.x,
      this.size[1] / 2 - (network.y[node] - this.base.y) * scale + this.view.y,
    ];
  },

  draw() {
    if (!this.size) return;
    const pen = this.canvas.getContext("2d");
    const [width, height, ratio] = this.size;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "#ffffff";
    pen.fillRect(0, 0, width, height);
    const near = this.near();
    const bright = new Set([...near.map((row) => row.other), ...(this.selected === null ? [] : [this.selected])]);
    // The selected one and its neighbours are drawn, however few are.
    this.nodes = network.names.map((_, node) => node).filter((node) => network.drawn[node] || bright.has(node));
    this.drawLines(pen, bright.size > 0 || this.matches !== null);
    for (const row of near) this.drawRay(pen, row);
    const size = (this.nodes.length > 500 ? 3.2 : this.nodes.length > 150 ? 4.4 : 5.5) * Math.min(Math.sqrt(this.view.zoom), 2);
    const lit = (node) => (this.matches ? this.matches.has(node) : bright.size === 0) || bright.has(node);
    const places = new Map(this.nodes.map((node) => [node, this.place(node)]));
    this.drawNames(pen, bright, lit, size, places);
    for (const node of [...this.nodes].sort((a, b) => lit(a) - lit(b))) {
      const [x, y] = places.get(node);
      pen.globalAlpha = lit(node) ? 1 : 0.3;
      if (node === this.selected || node === this.compared) {
        pen.beginPath();
        pen.arc(x, y, size + 5, 0, 2 * Math.PI);
        pen.strokeStyle = ACCENT;
        pen.lineWidth = node === this.selected ? 3 : 1.5;
        pen.stroke();
      }
      drawMark(pen, this.group(node)[1], x, y, size);
    }
    pen.globalAlpha = 1;
  },

  drawLines(pen, faded) {
    const many = network.lines.length > 3 * MANY_LINES;
    pen.globalAlpha = faded ? (many ? 0.1 : 0.35) : (many ? 0.5 : 1);
    for (const [shared, colour, width] of [[0, "#c9d0d6", 0.8], [1, "#37474f", 1.6]]) {
      pen.beginPath();
      for (let at = 0; at < network.lines.length; at += 3) {
        if (network.lines[at + 2] !== shared) continue;
        pen.moveTo(...this.place(network.lines[at]));
        pen.lineTo(...this.place(network.lines[at + 1]));
      }
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.stroke();
    }
    pen.globalAlpha = 1;
  },

  // From the selected one to a neighbour; dashed where the likeness is not told from chance.
  drawRay(pen, row) {
    pen.beginPath();
    pen.moveTo(...this.place(this.selected));
    pen.lineTo(...this.place(row.other));
    pen.setLineDash(row.connected ? [] : [4, 4]);
    pen.strokeStyle = ACCENT;
    pen.lineWidth = row.connected ? 2 : 1;
    pen.stroke();
    pen.setLineDash([]);
  },

  // Names of the bright ones first, beside, above or below their marks; one that would cover another is left out.
  drawNames(pen, bright, lit, size, places) {
    const inside = this.nodes.filter((node) => {
      const [x, y] = places.get(node);
      return x > 0 && y > 0 && x < this.size[0] && y < this.size[1];
    });
    const asked = inside.filter((node) => node !== this.selected && (bright.has(node) || (this.matches && this.matches.has(node))));
    const order = [...(inside.includes(this.selected) ? [this.selected] : []), ...asked].slice(0, 4 * MOST_NAMES);
    const few = inside.length <= MOST_NAMES;
    if (few) order.push(...inside.filter((node) => !order.includes(node)));
    const marks = inside.length <= 10 * MOST_NAMES ? inside.map((node) => places.get(node)) : [];
    const taken = [];
    pen.textBaseline = "middle";
    for (const node of order) {
      const name = network.names[node].length > 24 ? network.names[node].slice(0, 23) + "…" : network.names[node];
      pen.font = `${node === this.selected ? "bold 13px" : "11.5px"} system-ui, sans-serif`;
      const [x, y] = places.get(node);
      const ringed = node === this.selected || node === this.compared;
      const [width, gap] = [pen.measureText(name).width, size + (ringed ? 10 : 5)];
      const boxes = [[x + gap, y], [x - gap - width, y], [x - width / 2, y - gap - 5], [x - width / 2, y + gap + 6]]
        .map(([left, middle]) => [left, middle - 7, left + width, middle + 7])
        .filter((box) => box[0] > 0 && box[2] < this.size[0])
        .filter((box) => !taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3]));
      const covers = (box) => marks.filter(([mx, my]) => mx > box[0] - size && mx < box[2] + size && my > box[1] - size / 2 && my < box[3] + size / 2).length;
      const best = boxes.map((box) => [covers(box), box]).sort((one, two) => one[0] - two[0])[0];
      if (!best || (best[0] && !bright.has(node))) continue;
      const box = best[1];
      taken.push(box);
      pen.globalAlpha = lit(node) ? 1 : 0.45;
      pen.strokeStyle = "#ffffff";
      pen.lineWidth = 3;
      pen.strokeText(name, box[0], box[1] + 7);
      pen.fillStyle = INK;
      pen.fillText(name, box[0], box[1] + 7);
    }
    pen.globalAlpha = 1;
  },

  nodeAt(x, y) {
    let best = null;
    let least = 12;
    for (const node of this.nodes) {
      const [nx, ny] = this.place(node);
      const distance = Math.hypot(nx - x, ny - y);
      if (distance < least) [best, least] = [node, distance];
    }
    return best;
  },

  zoom(factor, x, y) {
    const own = this.view;
    const [fromX, fromY] = [(x === undefined ? this.size[0] / 2 : x) - this.size[0] / 2, (y === undefined ? this.size[1] / 2 : y) - this.size[1] / 2];
    const next = Math.min(Math.max(own.zoom * factor, 0.5), 60);
    const by = next / own.zoom;
    this.view = { zoom: next, x: fromX - (fromX - own.x) * by, y: fromY - (fromY - own.y) * by };
    this.draw();
  },

  move(x, y) {
    this.view = { ...this.view, x: this.view.x + x, y: this.view.y + y };
    this.draw();
  },

  // The chosen one and its neighbours fill the drawing.
  zoomNear() {
    const places = [this.selected, ...this.near().map((row) => row.other)].map((node) => [network.x[node], network.y[node]]);
    const range = (axis) => {
      const own = places.map((place) => place[axis]);
      return [(Math.min(...own) + Math.max(...own)) / 2, Math.max(...own) - Math.min(...own)];
    };
    const [[x, width], [y, height]] = [range(0), range(1)];
    const fits = Math.min((this.size[0] - 160) / (width * this.base.scale), (this.size[1] - 80) / (height * this.base.scale));
    const zoom = Math.min(Math.max(fits, 0.5), 12);
    this.view = { zoom, x: (this.base.x - x) * this.base.scale * zoom, y: (y - this.base.y) * this.base.scale * zoom };
    this.draw();
  },

  reset() {
    this.view = { zoom: 1, x: 0, y: 0 };
    this.draw();
  },
};

"use strict";
// Elements and numbers. Whatever comes from the data becomes text, never markup.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function put(id, ...children) {
  document.getElementById(id).replaceChildren(...children.filter((child) => child !== null));
}

function addressOf(node) {
  return "#" + encodeURIComponent(network.names[node]);
}

function linkTo(node) {
  return make("a", { href: addressOf(node) }, nameOf(node));
}

function joined(items) {
  return items.flatMap((item, place) => (place ? [", ", item] : [item]));
}

// heads: [text, class]; rows: lists of cells, each a text, an element or a list of them; the first is the row's head.
function makeTable(caption, heads, rows) {
  const head = make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", class: kind }, text)));
  const body = rows.map((row) => make("tr", {}, ...row.map((cell, place) => {
    const children = Array.isArray(cell) ? cell : [cell];
    return make(place ? "td" : "th", place ? { class: heads[place][1] } : { scope: "row", class: "name" }, ...children);
  })));
  const table = make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": caption }, table);
}

// A long list opens on demand.
function makeTables(caption, heads, rows, first) {
  if (rows.length <= first + 2) return [makeTable(caption, heads, rows)];
  const rest = makeTable(`${caption}, continued`, heads, rows.slice(first));
  return [
    makeTable(caption, heads, rows.slice(0, first)),
    make("details", {}, make("summary", {}, `Show ${count(rows.length - first)} more`), rest),
  ];
}

// A feature's name, which may part after each underscore.
function parted(name) {
  return name.split(/(?<=_)/).flatMap((part, place) => (place ? [make("wbr", {}), part] : [part]));
}

function count(value) {
  return value.toLocaleString("en-US");
}

function plural(value, one, several) {
  return `${count(value)} ${value === 1 ? one : several || one + "s"}`;
}

function significant(value, digits) {
  if (value === null) return "not known";
  if (value !== 0 && Math.abs(value) < 0.0001) return value.toExponential(digits - 1);
  return Number(value.toPrecision(digits)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

function signed(value) {
  if (value === null) return "not known";
  return (value > 0 ? "+" : value < 0 ? "−" : "") + significant(Math.abs(value), 3);
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function doseOf(treatment) {
  const dose = network.doses[treatment];
  return dose === null ? "no dose" : String(dose);
}

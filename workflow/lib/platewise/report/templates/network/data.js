"use strict";
// What is embedded (report/network_data.py), and how to ask for it. Nodes are told by their number.
const network = JSON.parse(document.getElementById("data").textContent);
const about = network.about;
const numberOf = new Map(network.names.map((name, node) => [name, node]));

const membersOf = new Map();
network.community.forEach((community, node) => {
  if (!membersOf.has(community)) membersOf.set(community, []);
  membersOf.get(community).push(node);
});

function rowsOf(flat, width) {
  const rows = [];
  for (let start = 0; start < flat.length; start += width) rows.push(flat.slice(start, start + width));
  return rows;
}

// Words of the campaign's as they are shown: what turns the direction of writing in them would turn what follows, too.
function kept(words) {
  return /[\u202a-\u202e\u2066-\u2069]/.test(words) ? `\u2068${words}\u2069` : words;
}

function nameOf(node) {
  return kept(network.names[node]);
}

function mechanismOf(node) {
  return network.moa[node] < 0 ? "" : kept(network.moas[network.moa[node]]);
}

// Nearest first; flags are 2 for a connection, plus 1 for a shared mechanism.
function neighboursOf(node) {
  return rowsOf(network.neighbours[node], 5).map(([other, similarity, p, q, flags]) => (
    { other, similarity, p, q, connected: flags >= 2, shared: flags % 2 === 1 }
  ));
}

function wellsOf(node) {
  return rowsOf(network.wells[node], 5).map(([plate, well, treatment, cells, shown]) => (
    { plate: network.plates[plate].map(kept), well, treatment, cells, shown: shown === 1 }
  ));
}

function treatmentsOf(node) {
  const found = [];
  for (let number = network.starts[node]; number < network.starts[node + 1]; number++) found.push(number);
  return found;
}

// What moved most under a treatment; sure ones first.
function movedOf(kind, treatment) {
  const moved = network.moved[kind];
  return rowsOf(moved.list[treatment], 3).map(([feature, effect, q]) => {
    const [name, up, down, subject] = moved.features[feature];
    return { feature, name, subject, effect, q, words: effect > 0 ? up : down, vague: up === down, sure: q !== null && q < network.moved_q };
  });
}

// The dose under which most features moved; of equal ones the highest.
function tellingTreatment(node) {
  const count = (treatment) => network.moved.reduce((sum, moved) => sum + (moved.moved[treatment] || 0), 0);
  return treatmentsOf(node).reduce((best, own) => (best === null || count(own) >= count(best) ? own : best), null);
}

"use strict";
// What is known of one perturbation.
const [FEW_MEMBERS, MOST_MEMBERS] = [12, 300];

function verdict(value, yes, no, unknown) {
  if (value === null) return make("span", { class: "void" }, unknown);
  return make("span", { class: value ? "good" : "warn" }, value ? `✓ ${yes}` : `✗ ${no}`);
}

function communityWords(node) {
  const members = membersOf.get(network.community[node]);
  if (members.length === 1) return ["on its own: connected with nothing"];
  const stability = network.stability[network.community[node]];
  const sure = stability === null ? "stability not known" : `${stability >= about.stable ? "stable" : "not stable"}, found again with a Jaccard index of ${stability}`;
  const others = members.filter((other) => other !== node);
  const said = `number ${network.community[node]} with ${count(members.length)} members (${sure})`;
  if (others.length <= FEW_MEMBERS) return [`${said}: `, ...joined(others.map(linkTo))];
  const more = others.length > MOST_MEMBERS ? ` and ${count(others.length - MOST_MEMBERS)} more` : "";
  return [said, make("details", {}, make("summary", {}, "Show its members"), ...joined(others.slice(0, MOST_MEMBERS).map(linkTo)), more)];
}

function cautionsOf(node) {
  const [wells, batches, places] = network.span[node];
  const control = network.control[node] === "negcon";
  return [
    !mechanismOf(node) && !control && "No mechanism is annotated: whether a neighbour shares one cannot be said.",
    control && "A negative control: the shortlist, activity and features that moved say nothing of it.",
    wells === 0 && "No well of it is in the profiles.",
    wells === 1 && "In one well only: it cannot be told from its well.",
    wells > treatmentsOf(node).length && places === 1 && "In one well position only, at each dose: what it does cannot be told from what the position does.",
    wells > 0 && network.batches === 1 && "The campaign has one batch: whether this holds in another is not known.",
    wells > 0 && network.batches > 1 && batches === 1 && "In one batch only: whether this holds in another is not known.",
    network.cells[node] === null && "Its cells were not counted.",
    treatmentsOf(node).length > 1 && `Its ${treatmentsOf(node).length} doses are one node (${about.doses}).`,
  ].filter(Boolean);
}

function factsOf(node) {
  const share = network.count_share[node];
  const ratio = network.count_ratio[node];
  const count_words = ratio === null ? "not known" : `${significant(ratio, 2)} times those of the controls of its plates`;
  const rank = network.rank[node];
  const roles = [network.hub[node] && "hub: holds its community together", network.bridge[node] && "bridge: its connections lead into several communities"].filter(Boolean);
  const facts = [
    ["Known mechanism", [mechanismOf(node) || "none is annotated"]],
    ["Phenotype", network.active[node] === null ? ["not judged"] : [
      verdict(network.active[node], "active", "not shown to be active", ""), "; ",
      verdict(network.replicating[node] === null ? null : network.reproducible[node], "replicates", "does not replicate", "replicates not compared"), "; ",
      verdict(share === null ? null : network.beyondcount[node], "more than its cell count", "explained by its cell count", "share of the cell count not known"),
    ]],
    ["Shortlist", network.reason[node] === null ? ["not judged"] : [make("b", {}, rank === null ? "not on it" : `number ${rank}`), `: ${network.reason[node]}`]],
    ["Cells", [count_words, share === null ? "" : `; the cell count explains ${percent(share)} of its profile`]],
    ["Connections", [count(network.degree[node])]],
    ["Community", communityWords(node)],
  ];
  if (roles.length) facts.push(["Role", [roles.join("; ")]]);
  return make("dl", { class: "facts" }, ...facts.flatMap(([name, words]) => [make("dt", {}, name), make("dd", {}, ...words)]));
}

function neighbourTable(node, compared, compare) {
  const rows = neighboursOf(node);
  if (!rows.length) return [make("p", { class: "note" }, "There is no other perturbation.")];
  const connected = rows.filter((row) => row.connected).length;
  const said = connected
    ? `${count(connected)} of these ${count(rows.length)} are connections of the network (q < ${about.max_q}).`
    : `None of these ${count(rows.length)} can be told from chance over all pairs (q < ${about.max_q}): they are the nearest there are, which need not mean alike.`;
  const mechanism = mechanismOf(node);
  const heads = [["Perturbation", ""], ["Known mechanism", "words"], ["Similarity", "num"], ["p", "num"], ["q", "num"], ["Connection", ""], ["Why", ""]];
  const cells = rows.map((row) => {
    const theirs = mechanismOf(row.other);
    const shared = row.shared ? make("small", { class: "good" }, "shared") : theirs && mechanism ? make("small", {}, "another") : null;
    const button = make("button", { type: "button", "aria-pressed": String(row.other === compared), "aria-label": `Why is ${nameOf(row.other)} like it?` }, "why?");
    button.addEventListener("click", () => compare(row.other));
    return [linkTo(row.other), [theirs || "none", shared], row.similarity.toFixed(3), significant(row.p, 2), significant(row.q, 2), row.connected ? make("span", { class: "good" }, "✓ yes") : "not told from chance", button];
  });
  return [make("p", {}, said), makeTable("Nearest perturbations, the most similar first", heads, cells)];
}

function doseTable(node) {
  const treatments = treatmentsOf(node);
  const heads = [["Dose", ""], ["Replicate AP", "num"], ["q", "num"], ["Active", ""], ...network.kinds.map((kind) => [`Moved, ${kind}`, "num"]), ["Note", "words"]];
  const cells = treatments.map((own) => [
    doseOf(own),
    network.dose_precision[own] === null ? "not tested" : significant(network.dose_precision[own], 3),
    network.dose_q[own] === null ? "not tested" : significant(network.dose_q[own], 2),
    verdict(network.dose_active[own], "active", "not shown", "not tested"),
    ...network.moved.map((moved) => (moved.moved[own] === null ? "no wells" : `${count(moved.moved[own])} of ${count(moved.tested[own])}`)),
    network.dose_note[own] || "none",
  ]);
  return cells.length ? makeTables("Each dose against the negative controls of its plates", heads, cells, 10) : [];
}

function wellTable(node) {
  const wells = wellsOf(node);
  if (!wells.length) return [];
  const total = network.span[node][0];
  const cut = total > wells.length ? `${count(wells.length)} of its ${count(total)} wells` : plural(total, "well");
  const heads = [["Well", ""], ["Plate", "name"], ["Batch", "name"], ["Dose", "num"], ["Cells", "num"], ["To look at", ""]];
  const cells = wells.map((row) => [
    row.well,
    row.plate[2] ? make("a", { href: `${row.plate[2]}#wells` }, row.plate[0]) : row.plate[0],
    row.plate[1],
    doseOf(row.treatment),
    row.cells === null ? "not counted" : count(row.cells),
    row.shown ? make("span", { class: "badge" }, "exemplar") : "",
  ]);
  return makeTables(`${cut}; exemplars are most like the mean of all`, heads, cells, 12);
}

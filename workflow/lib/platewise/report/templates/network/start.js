"use strict";
// Which perturbation is shown, and with which it is compared: told by the address, the search, the drawing, the tables.
const shown = { node: null, treatment: null, compared: null };

function compare(other) {
  shown.compared = other;
  drawing.compared = other;
  showPanel();
  drawing.draw();
  document.getElementById("pair").focus();
}

function doseChoice(node) {
  const treatments = treatmentsOf(node);
  if (treatments.length < 2) return null;
  const options = treatments.map((own) => make("option", { value: String(own), ...(own === shown.treatment ? { selected: "" } : {}) }, doseOf(own)));
  const choice = make("select", { id: "dose" }, ...options);
  choice.addEventListener("change", () => {
    shown.treatment = Number(choice.value);
    showPanel();
    document.getElementById("dose").focus();
  });
  return make("p", {}, make("label", { for: "dose" }, "Features at dose "), choice);
}

function showPanel() {
  const node = shown.node;
  const name = nameOf(node);
  const cautions = cautionsOf(node).map((words) => make("li", {}, words));
  const other = shown.compared;
  const moved = shown.treatment === null ? [make("p", { class: "note" }, "Nothing is known of its features.")] : movedSection(shown.treatment);
  const pair = other === null || shown.treatment === null || tellingTreatment(other) === null ? [] : [
    make("h3", { id: "pair", tabindex: "-1" }, `What ${name} and ${nameOf(other)} have in common`),
    make("p", { class: "about" }, "Features that moved away from the controls under both. Their similarity is that of whole profiles; this says what the largest parts of it are."),
    ...pairSection(node, shown.treatment, other),
  ];
  put(
    "panel",
    make("h2", { id: "shown", tabindex: "-1" }, name),
    factsOf(node),
    cautions.length ? make("ul", { class: "cautions" }, ...cautions) : null,
    make("h3", {}, "Neighbours"),
    ...neighbourTable(node, other, compare),
    doseChoice(node),
    ...pair,
    make("h3", {}, `What moved under ${shown.treatment === null ? name : treatmentWords(node, shown.treatment)}`),
    ...moved,
    make("h3", {}, "Doses"),
    ...doseTable(node),
    make("h3", {}, "Wells"),
    ...wellTable(node),
  );
}

// Without an address: where one could begin.
function showStart(words) {
  const listed = network.names.map((_, node) => node).filter((node) => network.rank[node] !== null).sort((a, b) => network.rank[a] - network.rank[b]);
  // 0 is the largest.
  const large = [...membersOf.values()].filter((members) => members.length > 1).sort((a, b) => network.community[a[0]] - network.community[b[0]]).slice(0, 8);
  put(
    "panel",
    make("h2", { id: "shown", tabindex: "-1" }, "No perturbation is chosen"),
    words ? make("p", { class: "note" }, words) : null,
    make("p", {}, "Search for one, or click a mark of the drawing."),
    listed.length ? make("p", {}, make("b", {}, "Worth following up: "), ...joined(listed.slice(0, 30).map(linkTo)), ".") : null,
    ...large.map((members) => make("p", {}, make("b", {}, `Community ${network.community[members[0]]}: `), ...joined(members.slice(0, 12).map(linkTo)), members.length > 12 ? ` and ${count(members.length - 12)} more.` : ".")),
  );
}

function show(node, words) {
  const treatment = node === null ? null : tellingTreatment(node);
  const near = node === null ? [] : neighboursOf(node);
  Object.assign(shown, { node, treatment, compared: near.length ? near[0].other : null });
  Object.assign(drawing, { selected: node, compared: shown.compared });
  document.getElementById("zoom-near").disabled = node === null;
  if (node === null) showStart(words);
  else showPanel();
  document.title = node === null ? pageTitle : `${nameOf(node)} · ${pageTitle}`;
  drawing.draw();
}

function showAddress() {
  const raw = location.hash.slice(1);
  let name = raw;
  try {
    name = decodeURIComponent(raw);
  } catch {
    // Not encoded as it should be: taken as it is.
  }
  const node = numberOf.get(name);
  if (node !== undefined) show(node);
  // The page's own places are no perturbations.
  else if (!document.getElementById(raw)) show(null, raw ? `The network has no perturbation “${name}”.` : "");
}

function choose(node) {
  if (location.hash === addressOf(node)) show(node);
  else location.hash = addressOf(node);
}

const pageTitle = document.title;
window.addEventListener("hashchange", () => {
  showAddress();
  if (shown.node !== null && document.activeElement === document.body) document.getElementById("shown").focus({ preventScroll: true });
});
listenToDrawing(choose);
listenToSearch(choose);
showLegend();
show(null, "");
showAddress();
drawing.fit();

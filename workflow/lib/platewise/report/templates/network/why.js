"use strict";
// Why: the features that moved, of one perturbation and of two.
const FIRST_ROWS = 8;
const MOST_PHRASES = 8;

function treatmentWords(node, treatment) {
  const several = treatmentsOf(node).length > 1 || network.doses[treatment] !== null;
  return several ? `${nameOf(node)} at ${doseOf(treatment)}` : nameOf(node);
}

function movedSection(treatment) {
  return network.kinds.flatMap((name, kind) => {
    const moved = network.moved[kind];
    const heading = make("h4", {}, `${name} features`);
    if (moved.moved[treatment] === null) return [heading, make("p", { class: "note" }, "No wells with these features.")];
    const rows = movedOf(kind, treatment);
    const sure = rows.filter((row) => row.sure);
    const total = moved.moved[treatment];
    const said = [`${count(total)} of ${count(moved.tested[treatment])} features moved away from the controls (q < ${network.moved_q}).`];
    if (moved.words[treatment]) said.push(`In words: ${moved.words[treatment]}.`);
    if (moved.note[treatment]) said.push(`${moved.note[treatment]}.`);
    if (!network.told[treatment]) said.push("Which, is in the tables of the campaign only.");
    else if (total > sure.length) said.push(`The ${count(sure.length)} that moved most are listed.`);
    if (!total && rows.length) said.push("Nothing is sure; the largest effects are:");
    const heads = [["Feature", ""], ["Effect", "num"], ["q", "num"], ["In words", "words"]];
    const cells = (sure.length ? sure : rows).map((row) => [parted(row.name), signed(row.effect), row.q === null ? "not tested" : significant(row.q, 2), row.words || "none"]);
    const shown = cells.length ? makeTables(`${name} features that moved most; effects in units of the controls' spread`, heads, cells, FIRST_ROWS) : [];
    return [heading, make("p", {}, said.join(" ")), ...shown];
  });
}

// Features that moved surely under both treatments, those that are large in both first.
function movedUnderBoth(kind, own, other) {
  const theirs = new Map(movedOf(kind, other).filter((row) => row.sure).map((row) => [row.feature, row]));
  const both = movedOf(kind, own).filter((row) => row.sure && theirs.has(row.feature)).map((row) => (
    { ...row, theirs: theirs.get(row.feature).effect, same: row.effect > 0 === theirs.get(row.feature).effect > 0 }
  ));
  const size = (row) => Math.min(Math.abs(row.effect), Math.abs(row.theirs));
  return both.sort((a, b) => b.same - a.same || size(b) - size(a));
}

// What they mean, the largest first, each subject once.
function phrasesOf(rows) {
  const said = new Map();
  for (const row of rows) if (row.words && !row.vague && !said.has(row.subject)) said.set(row.subject, row.words);
  return [...said.values()].slice(0, MOST_PHRASES);
}

function pairSection(node, treatment, other) {
  const theirs = tellingTreatment(other);
  const names = [treatmentWords(node, treatment), treatmentWords(other, theirs)];
  return network.kinds.flatMap((name, kind) => {
    const moved = network.moved[kind];
    const heading = make("h4", {}, `${name} features`);
    const counts = [moved.moved[treatment], moved.moved[theirs]];
    const lacking = names.map((words, place) => (
      counts[place] === null ? `${words} has no wells with these features` : counts[place] === 0 ? `of ${words} no feature is sure to have moved` : ""
    )).filter(Boolean).join("; ");
    if (lacking) return [heading, make("p", { class: "note" }, `Which features the two have in common cannot be said: ${lacking}.`)];
    const listed = [treatment, theirs].map((own) => movedOf(kind, own).filter((row) => row.sure).length);
    const both = movedUnderBoth(kind, treatment, theirs);
    const same = both.filter((row) => row.same);
    const cut = listed[0] < counts[0] || listed[1] < counts[1];
    const among = cut
      ? `Of the ${count(listed[0])} and ${count(listed[1])} features that moved most (${count(counts[0])} and ${count(counts[1])} moved),`
      : `Of the ${count(listed[0])} and ${count(listed[1])} features that moved,`;
    const said = [make("p", {}, `${among} ${count(both.length)} ${both.length === 1 ? "is" : "are"} the same: ${count(same.length)} moved in the same direction, ${count(both.length - same.length)} in opposite directions.`)];
    const [alike, unlike] = [phrasesOf(same), phrasesOf(both.filter((row) => !row.same))];
    if (alike.length) said.push(make("p", {}, make("b", {}, "Both: "), `${alike.join(", ")}.`));
    if (unlike.length) said.push(make("p", {}, make("b", {}, "Opposite: "), `${unlike.join(", ")} under ${names[0]}, and the other way under ${names[1]}.`));
    if (!both.length) return [heading, ...said];
    const heads = [["Feature", ""], [names[0], "num"], [names[1], "num"], ["Direction", ""]];
    const cells = both.map((row) => [parted(row.name), signed(row.effect), signed(row.theirs), make("span", { class: row.same ? "good" : "warn" }, row.same ? "same" : "opposite")]);
    return [heading, ...said, ...makeTables(`${name} features that moved under both; effects in units of the controls' spread`, heads, cells, FIRST_ROWS)];
  });
}

"use strict";
// The search field: a part of a name or of a mechanism, with suggestions (the combobox pattern of WAI-ARIA).
const MOST_SUGGESTIONS = 12;

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

const plainNames = network.names.map(plain);
const plainMechanisms = network.moas.map(plain);

// Names that begin so, then names that hold it, then those whose mechanism does.
function findNodes(text) {
  const wanted = plain(text.trim());
  if (!wanted) return [];
  const groups = [[], [], []];
  plainNames.forEach((name, node) => {
    const place = name.indexOf(wanted);
    const moa = network.moa[node];
    if (place >= 0) groups[place ? 1 : 0].push(node);
    else if (moa >= 0 && plainMechanisms[moa].includes(wanted)) groups[2].push(node);
  });
  return groups.flat();
}

function listenToSearch(choose) {
  const field = document.getElementById("search");
  const list = document.getElementById("suggestions");
  let found = [];
  let active = -1;

  function close() {
    found = [];
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }

  function mark(place) {
    active = place;
    [...list.children].forEach((option, own) => option.setAttribute("aria-selected", String(own === place)));
    if (place < 0) field.removeAttribute("aria-activedescendant");
    else {
      field.setAttribute("aria-activedescendant", `suggestion-${place}`);
      list.children[place].scrollIntoView({ block: "nearest" });
    }
  }

  function take(node) {
    field.value = network.names[node];
    close();
    highlight(null);
    put("found", `${nameOf(node)} is shown.`);
    choose(node);
  }

  function highlight(nodes) {
    drawing.matches = nodes && nodes.length ? new Set(nodes) : null;
    drawing.draw();
  }

  function suggest() {
    const every = findNodes(field.value);
    close();
    highlight(field.value.trim() ? every : null);
    const said = !field.value.trim() ? "" : every.length ? `${plural(every.length, "perturbation")} found` : `No perturbation and no mechanism holds “${field.value.trim()}”.`;
    put("found", every.length > MOST_SUGGESTIONS ? `${said}; the first ${MOST_SUGGESTIONS} are listed.` : said);
    found = every.slice(0, MOST_SUGGESTIONS);
    if (!found.length) return;
    list.replaceChildren(...found.map((node, place) => {
      const words = make("small", {}, mechanismOf(node) || "no known mechanism");
      const option = make("li", { role: "option", id: `suggestion-${place}`, "aria-selected": "false" }, nameOf(node), words);
      // The field would lose its focus, and the list close, before the click.
      option.addEventListener("pointerdown", (event) => event.preventDefault());
      option.addEventListener("click", () => take(node));
      return option;
    }));
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
  }

  field.addEventListener("input", suggest);
  field.addEventListener("focus", () => { if (field.value.trim() && list.hidden) suggest(); });
  field.addEventListener("blur", close);
  field.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!found.length) suggest();
      if (!found.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark(active < 0 ? (step > 0 ? 0 : found.length - 1) : (active + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found.length) take(found[Math.max(active, 0)]);
    } else if (event.key === "Escape") {
      if (list.hidden) field.value = "";
      close();
      highlight(null);
      put("found");
    }
  });
}

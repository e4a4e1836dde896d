"use strict";
// What the page does beyond showing: the table of images sorts and filters, pictures change layers.
// Without it all rows stand there, and image, truth, prediction and difference side by side.

const FIRST = 20; // rows that are shown until somebody asks for all
const LAYERS = ["image", "truth", "prediction", "difference", "uncertainty"];
const TITLES = ["Image", "Truth", "Prediction", "Difference", "Uncertainty"];

function imageTable(section) {
  const body = section.querySelector("tbody");
  const heads = [...section.querySelectorAll("thead th")];
  const [named, below, found, more] = [".named", ".below", ".found", ".more"].map((name) =>
    section.querySelector(name));
  const score = heads.findIndex((head) => head.hasAttribute("aria-sort"));
  const names = new Intl.Collator(undefined, { numeric: true });
  let all = false;
  let rows = [...body.rows].map((row) => ({
    row,
    name: row.cells[0].textContent.trim(),
    values: [...row.cells].map((cell) => (cell.dataset.v ? Number(cell.dataset.v) : NaN)),
  }));

  function show() {
    const word = named.value.trim().toLowerCase();
    const limit = below.value === "" ? Infinity : Number(below.value);
    const fits = (one) =>
      one.name.toLowerCase().includes(word) && (limit === Infinity || one.values[score] < limit);
    let matches = 0;
    for (const one of rows) {
      const fit = fits(one);
      one.row.hidden = !fit || (!all && matches >= FIRST);
      matches += fit;
    }
    const shown = all ? matches : Math.min(FIRST, matches);
    const filtered = word !== "" || limit !== Infinity;
    found.textContent = filtered
      ? `${shown} of ${matches} images that fit are shown; there are ${rows.length}.`
      : `${shown} of ${rows.length} images are shown.`;
    more.hidden = matches <= FIRST;
    more.textContent = all ? `Show the first ${FIRST} only` : `Show all ${matches}`;
  }

  function sort(column) {
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    const sign = down ? -1 : 1;
    const order = (a, b) => {
      if (column === 0) return sign * names.compare(a.name, b.name);
      const [x, y] = [a.values[column], b.values[column]];
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return sign * (x - y);
    };
    rows = rows.sort(order);
    body.append(...rows.map((one) => one.row));
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    show();
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(column));
    head.append(button);
  });
  named.addEventListener("input", show);
  below.addEventListener("input", show);
  more.addEventListener("click", () => { all = !all; show(); });
  show();
}

function gallery(section) {
  const cards = [...section.querySelectorAll(".card")];
  const status = section.querySelector("[role=status]");

  function show(card, layer) {
    const title = TITLES[LAYERS.indexOf(layer)];
    const button = card.querySelector(".next");
    card.dataset.shown = layer;
    button.textContent = title;
    button.setAttribute("aria-label", `${title}: next layer of ${card.querySelector(".file").textContent}`);
  }

  function next(card) {
    show(card, LAYERS[(LAYERS.indexOf(card.dataset.shown) + 1) % LAYERS.length]);
    status.textContent = `${card.querySelector(".next").textContent} of ${card.querySelector(".file").textContent}`;
  }

  function only(kind) {
    cards.forEach((card) => { card.hidden = kind !== "" && !card.dataset.kinds.split(" ").includes(kind); });
  }

  section.addEventListener("change", (event) => {
    if (event.target.name === "layer") cards.forEach((card) => show(card, event.target.value));
    if (event.target.name === "kind") only(event.target.value);
  });
  cards.forEach((card) => {
    show(card, section.querySelector("[name=layer]:checked").value);
    card.querySelector(".panels").addEventListener("click", () => next(card));
  });
  window.addEventListener("hashchange", () => {
    const card = document.querySelector(".card:target");
    if (!card || !card.hidden) return;
    section.querySelector("[name=kind]").checked = true;
    only("");
    card.scrollIntoView();
  });
  only(section.querySelector("[name=kind]:checked").value);
}

document.documentElement.classList.add("js");
const table = document.querySelector("#images:has(table)");
const pictures = document.querySelector("#pictures");
if (table) imageTable(table);
if (pictures) gallery(pictures);

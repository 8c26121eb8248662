// Shortcuts. They do nothing while somebody writes, or a dialog is open.
import { go } from "./router.js";

/** What `g` and a letter lead to. */
const PAGE_KEYS = { n: "now", t: "tasks", h: "hosts", m: "models", k: "keys", s: "settings", y: "try" };

const CHORD_TIME = 1500;
let chordUntil = 0;

/** Listens; `help` opens the list of shortcuts. */
export function listenToKeys(help) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) {
      return;
    }
    if (event.target.closest?.("input, textarea, select")) {
      if (event.key === "Escape") {
        event.target.blur();
      }
      return;
    }
    if (act(event.key, help)) {
      event.preventDefault();
    }
  });
}

function act(key, help) {
  const chord = performance.now() < chordUntil;
  chordUntil = 0;
  if (chord && PAGE_KEYS[key]) {
    go(PAGE_KEYS[key]);
    return true;
  }
  switch (key) {
    case "g":
      chordUntil = performance.now() + CHORD_TIME;
      return true;
    case "/":
      return focusOn(document.querySelector("[data-search]"));
    case "?":
      help();
      return true;
    case "j":
      return move(1);
    case "k":
      return move(-1);
    default:
      return false; // Enter opens what has the focus: rows are links.
  }
}

function focusOn(element) {
  element?.focus();
  return Boolean(element);
}

// Rows beyond the window of a long list come into being as the last one of it is scrolled to.
function move(by) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (rows.find(isInView) ?? rows[0]) : rows[at + by];
  next?.scrollIntoView({ block: "nearest" });
  return focusOn(next);
}

const isInView = (element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= 0 && bottom <= innerHeight;
};

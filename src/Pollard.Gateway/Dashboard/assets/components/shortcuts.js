import { html } from "../lib/html.js";
import { Dialog } from "./dialog.js";

const KEYS = [
  [["g", "n"], "Now"],
  [["g", "t"], "Tasks"],
  [["g", "h"], "Hosts"],
  [["g", "m"], "Models"],
  [["g", "k"], "Keys"],
  [["g", "s"], "Settings"],
  [["g", "y"], "Try it"],
  [["/"], "Search"],
  [["j"], "Next in a list"],
  [["k"], "The one before"],
  [["Enter"], "Open"],
  [["Esc"], "Close, or leave a field"],
  [["?"], "This list"],
];

/** What the keyboard does. */
export const Shortcuts = ({ onClose }) => html`<${Dialog} title="Keyboard" onClose=${onClose}>
  <dl class="keys">
    ${KEYS.map(([keys, does]) => html`<div><dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${does}</dd></div>`)}
  </dl>
<//>`;

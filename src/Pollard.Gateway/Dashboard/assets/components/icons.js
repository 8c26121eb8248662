import { html } from "../lib/html.js";

// 16 by 16, drawn with lines.
const PATHS = {
  now: "M1 8h3l2.2-5 3.6 10L12 8h3",
  tasks: "M5.5 4H14M5.5 8H14M5.5 12H14M2.2 4h.01M2.2 8h.01M2.2 12h.01",
  hosts: "M2 2.5h12v4.5H2zM2 9h12v4.5H2zM4.8 4.8h.01M4.8 11.2h.01",
  models: "M8 1.5l6 3.2v6.6l-6 3.2-6-3.2V4.7zM2 4.7L8 8l6-3.3M8 8v6.5",
  try: "M2 3h12v8H7.5L4.5 13.8V11H2z",
  keys: "M8 11a3 3 0 1 1-6 0 3 3 0 0 1 6 0M7.2 8.8l6.3-6.3M10.8 5.2l2.4 2.4",
  settings: "M2 5h6M12 5h2M2 11h2M8 11h6M12 5a2 2 0 1 1-4 0 2 2 0 0 1 4 0M8 11a2 2 0 1 1-4 0 2 2 0 0 1 4 0",
  more: "M3 8h.01M8 8h.01M13 8h.01",
};

/** The sign of a page. */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16"
  aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

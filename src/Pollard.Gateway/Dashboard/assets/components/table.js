import { html } from "../lib/html.js";

/**
 * A table of few rows; on a phone each row is a block of named lines.
 * columns: [{ title, cell(row), figure, head, mono, tip(row) }]; `head` marks the cell that names the row.
 */
export const Table = ({ columns, rows, keyOf, label }) => html`<table class="plain" aria-label=${label}>
  <thead><tr>${columns.map(({ title, figure, actions }) => html`<th scope="col" class=${figure ? "figure" : null}>
    ${actions ? html`<span class="off-screen">${title}</span>` : title}</th>`)}</tr></thead>
  <tbody>${rows.map((row) => html`<tr key=${keyOf(row)}>${columns.map((column) => html`<${Cell} column=${column}
    row=${row} />`)}</tr>`)}</tbody>
</table>`;

const Cell = ({ column: { title, cell, head, figure, mono, actions, tip }, row }) => {
  const classes = [figure && "figure", mono && "mono", actions && "row-actions"].filter(Boolean).join(" ") || null;
  return head
    ? html`<th scope="row" class=${classes} title=${tip?.(row)}><div>${cell(row)}</div></th>`
    : html`<td class=${classes} data-label=${actions ? null : title}
      title=${tip?.(row)}><div>${cell(row)}</div></td>`;
};

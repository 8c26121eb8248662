// A table of which only the rows in sight are in the document, however many there are.
import { html, Component, createRef } from "../lib/html.js";

const OVERSCAN = 8;
const NARROW = matchMedia("(max-width: 760px)");

/**
 * columns: [{ key, title, cell(row), class, sort }]; rows have keys by `keyOf` and addresses by `hrefOf`.
 * Rows have one height (CSS: --row), so that their place is known without drawing them.
 * anchor: while it stays, the row at the top stays there too, whatever comes in above it.
 */
export class WindowTable extends Component {
  scroller = createRef();
  state = { first: 0, shown: 30, row: rowHeight() };

  componentDidMount() {
    this.resized = new ResizeObserver(() => this.measure());
    this.resized.observe(this.scroller.current);
    this.narrowed = () => this.setState({ row: rowHeight() });
    NARROW.addEventListener("change", this.narrowed);
    this.measure();
  }

  componentWillUnmount() {
    this.resized.disconnect();
    NARROW.removeEventListener("change", this.narrowed);
  }

  // Rows that come or go above what is read do not move it.
  componentDidUpdate(before) {
    const { rows, keyOf, anchor } = this.props;
    const scroller = this.scroller.current;
    const { row } = this.state;
    const at = Math.floor(scroller.scrollTop / row);
    if (rows !== before.rows && anchor === before.anchor && at > 0 && at < before.rows.length) {
      const key = keyOf(before.rows[at]);
      const found = rows.findIndex((item) => keyOf(item) === key);
      if (found >= 0 && found !== at) {
        scroller.scrollTop += (found - at) * row;
      }
    }
    this.askForMore();
  }

  measure() {
    const { scrollTop, clientHeight } = this.scroller.current;
    const { row, first, shown } = this.state;
    const next = {
      first: Math.max(0, Math.floor(scrollTop / row) - OVERSCAN),
      shown: Math.ceil(clientHeight / row) + 2 * OVERSCAN,
    };
    if (next.first !== first || next.shown !== shown) {
      this.setState(next);
    }
    this.askForMore();
  }

  askForMore() {
    const { rows, onEnd } = this.props;
    const { scrollTop, clientHeight } = this.scroller.current;
    if (onEnd && scrollTop + clientHeight * 3 > rows.length * this.state.row) {
      onEnd();
    }
  }

  render({ columns, rows, keyOf, hrefOf, label, sorted, onSort, foot, name }, { first, shown, row }) {
    const start = Math.max(0, Math.min(first, rows.length - shown));
    const end = Math.min(rows.length, start + shown);
    return html`<div class=${`window-table ${name}`} ref=${this.scroller} onScroll=${() => this.measure()}>
      <div role="table" aria-label=${label} aria-rowcount=${rows.length + 1}>
        <div role="rowgroup" class="table-head">
          <div role="row" aria-rowindex="1" class="row">
            ${columns.map((column) => html`<${HeadCell} column=${column} sorted=${sorted} onSort=${onSort} />`)}
          </div>
        </div>
        <div role="rowgroup">
          <${Space} height=${start * row} />
          ${rows.slice(start, end).map(
            (item, index) => html`<${Row} key=${keyOf(item)} item=${item} index=${start + index + 2}
              columns=${columns} href=${hrefOf(item)} />`,
          )}
          <${Space} height=${(rows.length - end) * row} />
        </div>
      </div>
      ${foot}
    </div>`;
  }
}

const rowHeight = () => (NARROW.matches ? 64 : 38);

// The keys keep preact from taking one for the other.
const Space = ({ height }) => html`<div role="presentation" style=${{ height: `${height}px` }}></div>`;

class Row extends Component {
  shouldComponentUpdate({ item, index, columns }) {
    return item !== this.props.item || index !== this.props.index || columns !== this.props.columns;
  }

  render({ item, index, columns, href }) {
    return html`<div role="row" class="row" aria-rowindex=${index} onClick=${(event) => follow(event, href)}>
      ${columns.map(
        (column, at) => html`<div role="cell" class=${`cell ${column.class ?? ""}`} data-column=${column.key}>
          ${at === 0 ? html`<a data-row href=${href}>${column.cell(item)}</a>` : column.cell(item)}
        </div>`,
      )}
    </div>`;
  }
}

// The whole row leads where its link does, unless somebody marks text in it.
function follow(event, href) {
  if (!event.target.closest("a, button") && getSelection().isCollapsed) {
    location.hash = href;
  }
}

const HeadCell = ({ column, sorted, onSort }) => {
  const direction = sorted?.key === column.key ? (sorted.down ? "descending" : "ascending") : null;
  return html`<div role="columnheader" class=${`cell ${column.class ?? ""}`} data-column=${column.key}
    aria-sort=${direction}>
    ${column.sort
      ? html`<button type="button" class="sort" onClick=${() => onSort(column.key)}>
          ${column.title}<span aria-hidden="true">${direction ? (sorted.down ? " ↓" : " ↑") : ""}</span>
        </button>`
      : column.title}
  </div>`;
};

// The configuration that holds, and where each value of it comes from.
import { html, Component } from "../lib/html.js";
import { get } from "../lib/api.js";
import { isAdmin } from "../lib/session.js";
import { Head, Reading, Said, Trouble } from "../components/bits.js";
import { Table } from "../components/table.js";
import { AdminsOnly } from "../components/admins-only.js";

const COLUMNS = [
  { title: "Setting", head: true, mono: true, cell: ({ name, variable }) =>
    html`${name}<div class="muted">${variable}</div>` },
  { title: "Value", mono: true, cell: ({ value }) =>
    html`<${Said} text=${value === "" || value == null ? "–" : value} most=${300} />` },
  { title: "From", cell: ({ source }) =>
    html`<span class=${`tag ${source === "default" ? "" : "on"}`}>${source}</span>` },
  { title: "What it does", cell: ({ about }) => about },
];

const wordsOf = ({ name, value, about, variable }) => [name, value, about, variable].join("\n").toLowerCase();

export class Settings extends Component {
  state = { settings: null, problem: null, search: "", set: false };

  componentDidMount() {
    if (isAdmin()) {
      this.read();
    }
  }

  async read() {
    try {
      this.setState({ settings: (await get("/v1/settings")).settings, problem: null });
    } catch (problem) {
      this.setState({ problem });
    }
  }

  render(_, { settings, problem, search, set }) {
    if (!isAdmin()) {
      return html`<${AdminsOnly} title="Settings" />`;
    }
    const word = search.trim().toLowerCase();
    const shown = (settings ?? []).filter(
      (item) => (!set || item.source !== "default") && wordsOf(item).includes(word),
    );
    return html`<${Head} title="Settings"
      note="Flags win over the environment, the environment over the file. They are read at the start." />
      <${Trouble} problem=${problem} />
      ${!settings && !problem && html`<${Reading} />`}
      ${settings && html`<div class="filters" role="search">
          <input type="search" data-search aria-label="Search settings" placeholder="Search  ( / )"
            value=${search} spellcheck=${false} autocomplete="off"
            onInput=${(event) => this.setState({ search: event.target.value })} />
          <label class="check"><input type="checkbox" checked=${set}
            onChange=${(event) => this.setState({ set: event.target.checked })} /> Only what was set</label>
        </div>
        <section class="card settings" aria-label="Settings"><${Table} label="Settings" columns=${COLUMNS}
          rows=${shown} keyOf=${({ name }) => name} />
        ${shown.length === 0 && html`<p class="quiet-line">Nothing found.</p>`}</section>`}`;
  }
}

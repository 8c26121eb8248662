// Who is there.
import { html, Live } from "../lib/html.js";
import { followHosts, hosts, hostsProblem, refreshHosts } from "../lib/hosts.js";
import { beginnings } from "../lib/live.js";
import { go, href, setQuery } from "../lib/router.js";
import { count, exact, number, percent, speed } from "../lib/format.js";
import { session, isAdmin } from "../lib/session.js";
import { Ago, Empty, Head, Meter, Said, State, Trouble } from "../components/bits.js";
import { WindowTable } from "../components/window-table.js";
import { fastest, speedsOf } from "../lib/rates.js";
import { AddHost } from "../components/add-host.js";

const STATES = ["online", "draining", "paused", "quarantined", "offline", "revoked"];

const speedOf = (host) => fastest(speedsOf(host));

/** The share of its attempts that a host did not fail; null when it had none. */
export const reliabilityOf = ({ reliability }) => {
  const all = reliability ? reliability.completed + reliability.failed + reliability.lost : 0;
  return all > 0 ? (reliability.completed / all) * 100 : null;
};

const COLUMNS = [
  {
    key: "state",
    title: "State",
    sort: (host) => STATES.indexOf(host.state),
    cell: (host) => html`<${State} state=${host.state} />`,
  },
  {
    key: "name",
    title: "Name",
    sort: (host) => host.name.toLowerCase(),
    cell: (host) => html`<strong><${Said} text=${host.name} most=${80} /></strong>`,
  },
  { key: "models", title: "Models", sort: (host) => host.models.length, cell: (host) => modelsCell(host) },
  { key: "slots", title: "Slots", class: "figure", sort: (host) => host.running, cell: (host) => slotsCell(host) },
  {
    key: "speed",
    title: "Speed",
    class: "figure",
    sort: (host) => speedOf(host) ?? -1,
    cell: (host) => speed(speedOf(host)),
  },
  {
    key: "reliability",
    title: "Reliable",
    class: "figure",
    sort: (host) => reliabilityOf(host) ?? -1,
    cell: (host) => percent(reliabilityOf(host)),
  },
  { key: "carrier", title: "Carrier", sort: (host) => host.carrier ?? "", cell: (host) => host.carrier ?? "–" },
  {
    key: "tier",
    title: "Tier",
    sort: (host) => host.tier,
    cell: (host) => `${host.tier}${host.role === "fallback" ? " (fallback)" : ""}`,
  },
  {
    key: "seen",
    title: "Heard of",
    class: "figure",
    sort: (host) => host.seen_at ?? "",
    cell: (host) => (host.seen_at ? html`<${Ago} at=${host.seen_at} />` : "–"),
  },
];

const modelsCell = ({ models }) => {
  const names = models.slice(0, 3).map(({ name }) => name);
  return html`<${Said} text=${names.join(", ") || "none"} most=${120} />${models.length > 3 ?
    html`<span class="muted"> +${models.length - 3}</span>` : ""}`;
};

const slotsCell = ({ running, slots }) => html`<span class="slots">${running}/${slots}<${Meter} value=${running}
  most=${slots} label=${`${running} of ${slots} slots in use`} /></span>`;

export class Hosts extends Live {
  state = { search: "", adding: false };
  matched = {};

  sources() {
    return [hosts, hostsProblem];
  }

  componentDidMount() {
    super.componentDidMount();
    this.stops.push(followHosts(), beginnings.listen(() => refreshHosts(true)));
  }

  sort(key) {
    const { sort, down } = this.sorted();
    this.query({ sort: key, down: sort === key && !down ? "1" : "" });
  }

  sorted() {
    return { sort: this.props.query.get("sort") ?? "state", down: this.props.query.get("down") === "1" };
  }

  query(changes) {
    setQuery({ ...Object.fromEntries(this.props.query), ...changes });
  }

  // Sorted and searched once for each change, not at each drawing.
  rows() {
    const all = hosts.value.hosts;
    const search = this.state.search.trim().toLowerCase();
    const state = this.props.query.get("state") ?? "";
    const { sort, down } = this.sorted();
    const asked = [search, state, sort, down].join("\n");
    if (this.matched.all !== all || this.matched.asked !== asked) {
      const value = COLUMNS.find(({ key }) => key === sort)?.sort ?? COLUMNS[0].sort;
      const found = all.filter((host) => (!state || host.state === state) && (!search || wordsOf(host).includes(search)));
      const order = (a, b) => {
        const [x, y] = [value(a), value(b)];
        return (x < y ? -1 : x > y ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0) * (down ? -1 : 1);
      };
      this.matched = { all, asked, found: found.sort(order) };
    }
    return this.matched.found;
  }

  render({ query }, { search, adding }) {
    const { sort, down } = this.sorted();
    const rows = hosts.value ? this.rows() : [];
    return html`<div class="full">
      <${Head} title="Hosts" note=${hosts.value && noteOf(hosts.value)}>
        ${isAdmin() && html`<button type="button" class="primary"
          onClick=${() => this.setState({ adding: true })}>Add a host</button>`}
      <//>
      <${Trouble} problem=${hostsProblem.value?.status !== 0 && hostsProblem.value} />
      ${hosts.value?.hosts.length === 0
        ? html`<${NoHosts} />`
        : html`<form class="filters" role="search" onSubmit=${(event) => open(event, rows)}>
              <input type="search" data-search aria-label="Search hosts by name, model, owner or id"
                placeholder="Search  ( / )" value=${search} spellcheck=${false}
                autocomplete="off" onInput=${(event) => this.setState({ search: event.target.value })} />
              <select aria-label="State" value=${query.get("state") ?? ""}
                onChange=${(event) => this.query({ state: event.target.value })}>
                <option value="">All states</option>
                ${STATES.map((state) => html`<option value=${state}
                  selected=${query.get("state") === state}>${state}</option>`)}
              </select>
            </form>
            <${WindowTable} name="hosts-table" label="Hosts" columns=${COLUMNS} rows=${rows}
              anchor=${this.matched.asked} keyOf=${keyOf} hrefOf=${hrefOf}
              sorted=${{ key: sort, down }} onSort=${(key) => this.sort(key)}
              foot=${hosts.value ? rows.length === 0 && html`<p class="table-foot">Nothing found.</p>` :
                html`<p class="table-foot">Reading …</p>`} />`}
      ${adding && html`<${AddHost} onClose=${() => this.setState({ adding: false })} />`}
    </div>`;
  }
}

const keyOf = ({ id }) => id;
const hrefOf = ({ id }) => href("hosts", id);

const wordsOf = (host) =>
  (host.words ??= [host.id, host.name, host.owner, host.agent, host.tier, ...host.models.map(({ name }) => name)]
    .filter(Boolean)
    .join("\n")
    .toLowerCase());

function noteOf({ hosts: all, total }) {
  const online = all.filter(({ state }) => state === "online").length;
  return html`<span title=${exact(total)}>${count(total, "host")}</span>, ${number(online)} online`;
}

// Enter in the search field opens the only one that was found, or goes on to the list.
function open(event, rows) {
  event.preventDefault();
  if (rows.length === 1) {
    go("hosts", rows[0].id);
  } else {
    document.querySelector("main [data-row]")?.focus();
  }
}

const NoHosts = () => html`<${Empty} title="No host is here." label="Start an agent"
  command=${`pollard agent --gateway ${location.origin}${session.value.keys_required ? " --join TOKEN" : ""}`}>
  <p>Start an agent on the machine that has the models.
    ${session.value.keys_required && isAdmin() && " “Add a host” makes the token that it needs."}</p>
<//>`;

// Which models there are, who serves them, and by which other names they can be asked for.
import { html, Live } from "../lib/html.js";
import { followHosts, hosts, hostsProblem, refreshHosts } from "../lib/hosts.js";
import { beginnings, overview } from "../lib/live.js";
import { get } from "../lib/api.js";
import { speedsOf } from "../lib/rates.js";
import { isAdmin } from "../lib/session.js";
import { href } from "../lib/router.js";
import { count, exact, number, speed } from "../lib/format.js";
import { Empty, Head, Reading, Said, State, Trouble } from "../components/bits.js";
import { Table } from "../components/table.js";

const MOST_MODELS = 150; // Drawn; a search shows the others.
const MOST_HOSTS = 40;

export class Models extends Live {
  state = { search: "", routes: null, open: null };
  made = {};

  sources() {
    return [hosts, hostsProblem, overview];
  }

  componentDidMount() {
    super.componentDidMount();
    this.stops.push(followHosts(), beginnings.listen(() => refreshHosts(true)));
    this.readRoutes();
  }

  async readRoutes() {
    if (isAdmin()) {
      try {
        this.setState({ routes: (await get("/v1/settings")).routes });
      } catch {
        this.setState({ routes: null }); // The models are worth showing without.
      }
    }
  }

  models() {
    if (this.made.hosts !== hosts.value) {
      this.made = { hosts: hosts.value, models: modelsOf(hosts.value.hosts) };
    }
    const search = this.state.search.trim().toLowerCase();
    return this.made.models.filter(({ name }) => name.toLowerCase().includes(search));
  }

  render(_, { search, routes, open }) {
    const models = hosts.value ? this.models() : null;
    return html`<${Head} title="Models" note=${models && count(models.length, "model")} />
      <${Trouble} problem=${hostsProblem.value?.status !== 0 && hostsProblem.value} />
      ${!models && html`<${Reading} />`}
      ${models?.length === 0 && !search
        ? html`<${Empty} title="No host brings a model." command=${`pollard agent --gateway ${location.origin}`}
          label="Start an agent">
            <p>Start an agent beside Ollama or a server of OpenAI's API.</p><//>`
        : models && html`<div class="filters" role="search"><input type="search" data-search
          aria-label="Search models" placeholder="Search  ( / )" value=${search}
              spellcheck=${false} autocomplete="off"
                onInput=${(event) => this.setState({ search: event.target.value })} /></div>
            <section class="card" aria-label="Models">
            <${Table} label="Models" rows=${models.slice(0, MOST_MODELS)} keyOf=${({ name }) => name}
              columns=${columnsOf(open, (name) => this.setState({ open: open === name ? null : name }))} />
            ${models.length > MOST_MODELS &&
              html`<p class="quiet-line">${models.length - MOST_MODELS} more; search for them.</p>`}</section>`}
      ${routes?.length > 0 && html`<${Routes} routes=${routes} />`}
      ${routes?.length === 0 &&
        html`<p
          class="quiet-line">No other names lead to models. <code>pollard serve --route gpt-4o=MODEL</code> makes one.</p>`}`;
  }
}

// One entry for each name, with all that is said of it.
function modelsOf(all) {
  const byName = new Map();
  for (const host of all) {
    for (const info of host.models) {
      const model = byName.get(info.name) ?? { name: info.name, hosts: [], loaded: 0, contexts: [], can: new Set(), speeds: [] };
      byName.set(info.name, model);
      model.hosts.push(host);
      model.loaded += info.loaded ? 1 : 0;
      [...(info.kinds ?? ["chat", "completion"]), ...(info.capabilities ?? [])].forEach((word) => model.can.add(word));
      if (info.context) {
        model.contexts.push(info.context);
      }
      model.speeds.push(...speedsOf(host, info.name));
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const range = (values, format) => {
  if (values.length === 0) {
    return "–";
  }
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? format(least) : `${number(least)}–${format(most)}`;
};

const waiting = ({ name }) =>
  (overview.value?.queues ?? []).filter((queue) => queue.model === name).reduce((sum, queue) => sum + queue.depth, 0);

const columnsOf = (open, onOpen) => [
  {
    title: "Model",
    head: true,
    cell: (model) => html`<button type="button" data-row class="link" aria-expanded=${open === model.name}
      onClick=${() => onOpen(model.name)}>
        <span aria-hidden="true">${open === model.name ? "▾" : "▸"} </span><${Said} text=${model.name}
          most=${100} /></button>
      ${open === model.name && html`<${ServedBy} hosts=${model.hosts} />`}`,
  },
  {
    title: "Hosts",
    cell: ({ hosts: all, loaded }) => html`${all.filter(({ state }) => state === "online").length} of ${all.length} online
      ${loaded > 0 && html` <span class="tag good">${loaded} loaded</span>`}`,
  },
  { title: "Can", cell: ({ can }) => html`<${Said} text=${[...can].join(", ")} />` },
  {
    title: "Context",
    figure: true,
    tip: ({ contexts }) => contexts.length > 0 && exact(Math.max(...contexts)),
    cell: ({ contexts }) => range(contexts, number),
  },
  { title: "Speed", figure: true, cell: ({ speeds }) => range(speeds, speed) },
  {
    title: "Waiting",
    figure: true,
    cell: (model) => (waiting(model) > 0 ?
      html`<a href=${href("tasks", null, { state: "pending", model: model.name })}>${number(waiting(model))}</a>` : "–"),
  },
];

const ServedBy = ({ hosts: all }) => html`<ul class="served-by">
  ${all.slice(0, MOST_HOSTS).map((host) =>
    html`<li><${State} state=${host.state} /> <a href=${href("hosts", host.id)}><${Said} text=${host.name} most=${60} /></a>
    <span class="muted"> ${host.running}/${host.slots}</span></li>`)}
  ${all.length > MOST_HOSTS && html`<li class="muted">and ${all.length - MOST_HOSTS} more</li>`}
</ul>`;

const Routes = ({ routes }) => html`<section class="card" aria-labelledby="routes-title">
  <h2 id="routes-title">Other names</h2>
  <${Table} label="Other names" columns=${ROUTE_COLUMNS} rows=${routes} keyOf=${({ name }) => name} />
</section>`;

const ROUTE_COLUMNS = [
  { title: "Asked for", head: true, mono: true, cell: ({ name }) => html`<${Said} text=${name} most=${100} />` },
  {
    title: "Leads to the first that a host has",
    cell: ({ targets }) => html`<ol class="targets">${targets.map((target) =>
      html`<li class="mono"><${Said} text=${target} most=${100} /></li>`)}</ol>`,
  },
];

// All tasks, newest first: filtered by the gateway, searched here.
import { html, Component } from "../lib/html.js";
import { beginnings, changedTasks, overview } from "../lib/live.js";
import { go, href, setQuery } from "../lib/router.js";
import { TaskList } from "../lib/task-list.js";
import { line } from "../lib/text.js";
import { between, count, duration, exact, number, tokensOf } from "../lib/format.js";
import { nameOfHost } from "../lib/host-names.js";
import { firstCall } from "../lib/curl.js";
import { Ago, Empty, Head, Said, State, Trouble } from "../components/bits.js";
import { HostName } from "../components/host-name.js";
import { WindowTable } from "../components/window-table.js";

const STATES = ["pending", "running", "completed", "failed", "timeout", "cancelled"];
const FILTERS = ["state", "kind", "model", "owner", "label"];
const REDRAW = 250; // Milliseconds: more often nobody can read.

const COLUMNS = [
  { key: "state", title: "State", cell: (task) => html`<${State} state=${task.state} needsInput=${task.needs_input} />` },
  { key: "task", title: "Task", class: "mono", cell: (task) => html`<${Said} text=${task.id} most=${60} />` },
  { key: "kind", title: "Kind", cell: (task) => html`<${Said} text=${task.kind} most=${40} />` },
  { key: "model", title: "Model", cell: (task) => html`<${Said} text=${task.model ?? "–"} most=${80} />` },
  { key: "host", title: "Host", cell: (task) => (task.host ? html`<${HostName} id=${task.host} />` : "–") },
  { key: "attempt", title: "Try", class: "figure", cell: ({ attempt }) => attempt || "–" },
  { key: "tokens", title: "Tokens", class: "figure", cell: (task) => tokensCell(task.usage) },
  { key: "took", title: "Took", class: "figure", cell: (task) => tookCell(task) },
  { key: "created", title: "Created", class: "figure", cell: (task) => html`<${Ago} at=${task.created_at} />` },
];

const tokensCell = (usage) => {
  const { output } = tokensOf(usage);
  return html`<span title=${exact(output)}>${number(output)}</span>`;
};

const tookCell = (task) => {
  if (task.ended_at) {
    const took = between(task.started_at ?? task.created_at, task.ended_at);
    return html`<span title=${`${exact(took)} s`}>${duration(took)}</span>`;
  }
  return task.started_at && task.state === "running" ? html`<${Ago} at=${task.started_at} plain />` : "–";
};

export class Tasks extends Component {
  state = { search: this.props.query.get("search") ?? "" };
  matched = { rows: null, search: null, found: [] };

  componentDidMount() {
    this.begin();
    this.stops = [
      changedTasks.listen(({ tasks, more }) => (more ? this.list.again() : this.list.take(tasks))),
      beginnings.listen(() => this.list.again()),
    ];
  }

  componentWillUnmount() {
    this.stops.forEach((stop) => stop());
    clearTimeout(this.redraw);
    this.list.stop();
  }

  componentDidUpdate(before) {
    if (before.query !== this.props.query && String(this.filterOf(before)) !== String(this.filterOf(this.props))) {
      this.list.stop();
      this.begin();
      this.setState({});
    }
  }

  filterOf({ query }) {
    return new URLSearchParams(FILTERS.filter((name) => query.get(name)).map((name) => [name, query.get(name)]));
  }

  begin() {
    const list = new TaskList(Object.fromEntries(this.filterOf(this.props)), () => this.draw());
    this.list = list;
    list.more();
  }

  // Several words of the gateway in a moment are one drawing.
  draw() {
    this.redraw ??= setTimeout(() => {
      this.redraw = null;
      this.setState({});
    }, this.list.rows.length > 0 ? REDRAW : 0);
  }

  filter(name, value) {
    setQuery({ ...Object.fromEntries(this.props.query), [name]: value });
  }

  search(event) {
    this.setState({ search: event.target.value });
  }

  submit(event) {
    event.preventDefault();
    const text = this.state.search.trim();
    if (/^(task_|req_)?[\w-]{16,}$/.test(text)) {
      go("tasks", text);
    } else {
      document.querySelector("main [data-row]")?.focus();
    }
  }

  // What is found among the rows that are here; a long list is searched once for each change.
  found() {
    const search = this.state.search.trim().toLowerCase();
    const { rows } = this.list;
    if (this.matched.rows !== rows || this.matched.search !== search) {
      this.matched = { rows, search, found: search ? rows.filter((task) => isLike(task, search)) : rows };
    }
    return this.matched.found;
  }

  render({ query }, { search }) {
    const { list } = this;
    const rows = list ? this.found() : [];
    return html`<div class="full">
      <${Head} title="Tasks" note=${list && noteOf(list, rows, search)} />
      <form class="filters" role="search" onSubmit=${(event) => this.submit(event)}>
        <input type="search" data-search aria-label="Search tasks, or open one by its id"
          placeholder="Search, or an id  ( / )" value=${search}
          onInput=${(event) => this.search(event)} spellcheck=${false} autocomplete="off" />
        <select aria-label="State" value=${query.get("state") ?? ""}
          onChange=${(event) => this.filter("state", event.target.value)}>
          <option value="">All states</option>
          ${STATES.map((state) => html`<option value=${state}
            selected=${query.get("state") === state}>${state}</option>`)}
        </select>
        <${Filter} name="model" label="Model" query=${query}
          known=${overview.value?.queues.map(({ model }) => model)} rows=${list?.rows}
          onChange=${(value) => this.filter("model", value)} />
        <${Filter} name="kind" label="Kind" query=${query} known=${["chat", "completion", "embedding"]}
          rows=${list?.rows}
          onChange=${(value) => this.filter("kind", value)} />
        ${["owner", "label"].filter((name) => query.get(name)).map((name) => html`<button type="button"
          class="chip" onClick=${() => this.filter(name, "")}>
          ${name}: <${Said} text=${query.get(name)} most=${40} /> <span aria-hidden="true">✕</span><span
            class="off-screen">remove</span>
        </button>`)}
      </form>
      <${Trouble} problem=${list?.problem} />
      ${list?.problem && html`<p><button type="button" onClick=${() => list.again()}>Try again</button></p>`}
      ${list?.ended && list.rows.length === 0
        ? html`<${NoTasks} filtered=${String(this.filterOf(this.props)) !== ""} />`
        : html`<${WindowTable} name="tasks-table" label="Tasks" columns=${COLUMNS} rows=${rows} anchor=${search}
          keyOf=${keyOf} hrefOf=${hrefOf}
            onEnd=${() => list?.more()} foot=${list && footOf(list, rows, search)} />`}
    </div>`;
  }
}

const keyOf = ({ id }) => id;
const hrefOf = ({ id }) => href("tasks", id);

// A host's name may be learnt later than the task, so it is no part of the words that are kept.
const isLike = (task, search) =>
  wordsOf(task).includes(search) || Boolean(nameOfHost(task.host)?.toLowerCase().includes(search));

const wordsOf = (task) =>
  (task.words ??= [task.id, task.name, task.kind, task.model, task.state, task.host, task.owner, task.error?.type, task.error?.detail]
    .filter(Boolean)
    .join("\n")
    .slice(0, 4000)
    .toLowerCase());

function noteOf(list, rows, search) {
  if (search.trim()) {
    return `${count(rows.length, "match", "matches")} in ${count(list.rows.length, "task")}${list.ended ? "" : " so far"}`;
  }
  return list.rows.length === 0 ? "" : `${count(list.rows.length, "task")}${list.ended ? "" : " of the newest"}`;
}

function footOf(list, rows, search) {
  if (list.reading) {
    return html`<p class="table-foot">Reading …</p>`;
  }
  if (list.full) {
    return html`<p class="table-foot">More than ${exact(list.rows.length)} tasks: filter them to see older ones.</p>`;
  }
  return list.ended &&
    html`<p class="table-foot">${search.trim() && rows.length === 0 ? "Nothing found." : "That is all."}</p>`;
}

const NoTasks = ({ filtered }) =>
  filtered
    ? html`<${Empty} title="No task is like this."><p><a href="#/tasks">All tasks</a></p><//>`
    : html`<${Empty} title="No task yet." label="First call"
      command=${firstCall()}>
        <p>Ask a model from the page <a href="#/try">Try it</a>, or from a shell:</p>
      <//>`;

// What can be chosen is what was seen; the one that is chosen stays in the list.
const Filter = ({ name, label, query, known = [], rows = [], onChange }) => {
  const chosen = query.get(name) ?? "";
  const seen = new Set([...known, ...rows.slice(0, 1000).map((row) => row[name])].filter(Boolean));
  if (chosen) {
    seen.add(chosen);
  }
  return html`<select aria-label=${label} value=${chosen} onChange=${(event) => onChange(event.target.value)}>
    <option value="">All ${name}s</option>
    ${[...seen].sort().slice(0, 200).map((value) => html`<option value=${value}
      selected=${value === chosen}>${line(value, 60)}</option>`)}
  </select>`;
};

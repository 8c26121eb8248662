// What happens now: rates, queues, hosts, running tasks, and what went wrong.
import { html, Live } from "../lib/html.js";
import { overview } from "../lib/live.js";
import { get } from "../lib/api.js";
import { href } from "../lib/router.js";
import { count, duration, exact, number } from "../lib/format.js";
import { lineEnd } from "../lib/text.js";
import { firstCall } from "../lib/curl.js";
import { session } from "../lib/session.js";
import { Ago, Empty, Head, Meter, Reading, Said, State } from "../components/bits.js";
import { Chart } from "../components/chart.js";
import { HostName } from "../components/host-name.js";
import { Table } from "../components/table.js";

const SHORTEST_GAP = 5; // Seconds between two readings of the history.

export class Now extends Live {
  state = { span: "10m", history: null };

  sources() {
    return [overview];
  }

  componentDidMount() {
    super.componentDidMount();
    this.seen = () => !document.hidden && this.readHistory();
    document.addEventListener("visibilitychange", this.seen);
    this.readHistory();
  }

  componentWillUnmount() {
    super.componentWillUnmount();
    document.removeEventListener("visibilitychange", this.seen);
    clearTimeout(this.timer);
    this.gone = true;
  }

  async readHistory() {
    clearTimeout(this.timer);
    const { span } = this.state;
    let step = SHORTEST_GAP;
    try {
      const history = await get(`/v1/overview/history?span=${span}`);
      step = Math.max(step, history.step);
      if (span === this.state.span && !this.gone) {
        this.setState({ history });
      }
    } catch {
      // The banner says that the gateway is away; the charts stay as they were.
    }
    if (!this.gone && !document.hidden) {
      this.timer = setTimeout(() => this.readHistory(), step * 1000);
    }
  }

  show(span) {
    this.setState({ span }, () => this.readHistory());
  }

  render(_, { span, history }) {
    const now = overview.value;
    return html`<${Head} title="Now">
        <div class="segments" role="group" aria-label="Time that the charts show">
          ${["10m", "24h"].map((value) => html`<button type="button" aria-pressed=${span === value}
            onClick=${() => this.show(value)}>
            ${value === "10m" ? "10 min" : "24 h"}
          </button>`)}
        </div>
      <//>
      ${now ? html`<${Page} now=${now} history=${history} />` : html`<${Reading} />`}`;
  }
}

const Page = ({ now, history }) => html`<div class="now">
  <${Charts} now=${now} history=${history} />
  ${now.hosts.online + now.hosts.draining + now.hosts.paused + now.hosts.quarantined === 0 && html`<${NoHost} />`}
  <div class="now-columns">
    <div class="now-main"><${Running} now=${now} /><${Failures} failures=${now.failures} /></div>
    <div class="now-side">
      <${Queues} queues=${now.queues} />
      <${Pool} hosts=${now.hosts} />
      <${Totals} now=${now} />
    </div>
  </div>
</div>`;

const NONE = [];
const Charts = ({ now, history }) => {
  const step = history?.step ?? 5;
  const chart = (title, key, value, unit) =>
    html`<${Chart} title=${title} values=${history?.[key] ?? NONE} step=${step} now=${value} format=${number}
      unit=${unit} />`;
  return html`<section class="charts" aria-label="Rates">
    ${chart("Requests", "requests", now.rates.requests, "/s")} ${chart("Tokens", "tokens", now.rates.tokens, "/s")}
    ${chart("Waiting", "pending", now.tasks.pending, "tasks")} ${chart("Running", "running", now.tasks.running, "tasks")}
  </section>`;
};

const NoHost = () => html`<section class="card" aria-label="No host">
  <${Empty} title="No host is here, so nothing can be run."
    command=${`pollard agent --gateway ${location.origin}`} label="Start an agent">
    <p>Start an agent on the machine that has the models${session.value.keys_required ?
      html`; <a href="#/hosts">Hosts</a> makes its join token` : ""}.</p>
  <//>
</section>`;

const Running = ({ now }) => html`<section class="card" aria-labelledby="running-title">
  <h2 id="running-title">Running <span class="count">${number(now.tasks.running)}</span></h2>
  ${now.running.length === 0 && now.tasks.submitted === 0
    ? html`<${Empty} title="No task yet." command=${firstCall()} label="First call">
        <p>Ask a model from the page <a href="#/try">Try it</a>, or from a shell:</p>
      <//>`
    : now.running.length === 0 && html`<p class="quiet-line">Nothing runs.</p>`}
  <ul class="running">${now.running.map((task) => html`<${RunningTask} key=${task.id} task=${task} />`)}</ul>
  ${now.running_left_off > 0 &&
    html`<p class="quiet-line"><a
      href=${href("tasks", null, { state: "running" })}>${count(now.running_left_off, "more", "more")}</a></p>`}
</section>`;

const RunningTask = ({ task }) => html`<li>
  <a data-row class="running-task" href=${href("tasks", task.id)}>
    <span class="running-what"><strong><${Said} text=${task.model ?? task.kind} most=${60} /></strong>${" "}
      <span class="muted">on <${Said} text=${task.host ?? "?"} most=${40} /></span>
      ${task.attempt > 1 && html` <span class="tag warn">attempt ${task.attempt} of ${task.max_attempts}</span>`}
      ${task.phase && html` <span class="tag"><${Said} text=${task.phase} most=${30} /></span>`}</span>
    <span class="running-time"><${Ago} at=${task.started_at ?? task.created_at} plain /></span>
    <span class="running-tokens"
      title=${exact(task.tokens)}>${task.tokens ? `${number(task.tokens)} tok` : ""}</span>
    ${task.percent != null && html`<${Meter} value=${task.percent} most=${100}
      label=${`${Math.round(task.percent)} percent`} />`}
    ${task.text && html`<span class="running-text"><bdi>${lineEnd(task.text, 160)}</bdi></span>`}
  </a>
</li>`;

const Failures = ({ failures }) => html`<section class="card" aria-labelledby="failures-title">
  <h2 id="failures-title">Recent failures</h2>
  ${failures.length === 0
    ? html`<p class="quiet-line">None since the gateway started.</p>`
    : html`<ul class="failures">
        ${failures.map((task) => html`<li key=${task.id}>
          <a data-row href=${href("tasks", task.id)}>
            <${State} state=${task.state} />
            <span class="failure-what"><strong><${Said} text=${task.code ?? ""} most=${60} /></strong> <${Said}
              text=${task.message ?? ""} /></span>
            <span class="muted failure-where"><${Said} text=${task.model ?? task.kind}
              most=${60} />${task.host && html` on <${HostName} id=${task.host} />`}</span>
            <span class="muted failure-when"><${Ago} at=${task.ended_at} /></span>
          </a>
        </li>`)}
      </ul>`}
</section>`;

const Queues = ({ queues }) => html`<section class="card" aria-labelledby="queues-title">
  <h2 id="queues-title">Queues</h2>
  ${queues.length === 0
    ? html`<p class="quiet-line">Nothing waits.</p>`
    : html`<${Table} label="Queues" columns=${QUEUE_COLUMNS} rows=${queues}
      keyOf=${({ kind, model }) => `${kind}/${model}`} />`}
</section>`;

const QUEUE_COLUMNS = [
  {
    title: "Model",
    head: true,
    cell: (queue) => html`<a href=${href("tasks", null, { state: "pending", model: queue.model, kind: queue.kind })}>
        <${Said} text=${queue.model || queue.kind} most=${60} /></a>
      ${queue.kind !== "chat" && queue.model && html` <span class="muted"><${Said} text=${queue.kind}
        most=${30} /></span>`}
      ${queue.unserved > 0 && html` <span class="tag bad"
        title="No host that is here has it">no host for ${duration(queue.unserved)}</span>`}`,
  },
  { title: "Waiting", figure: true, tip: ({ depth }) => exact(depth), cell: ({ depth }) => number(depth) },
  {
    title: "Oldest",
    figure: true,
    tip: (queue) => `${exact(queue.oldest_wait)} s`,
    cell: (queue) => duration(queue.oldest_wait),
  },
];

const POOL_STATES = ["online", "draining", "paused", "quarantined", "offline"];

const Pool = ({ hosts }) => html`<section class="card" aria-labelledby="pool-title">
  <h2 id="pool-title"><a href="#/hosts">Hosts</a></h2>
  <p class="pool-slots">${number(hosts.running)} of ${count(hosts.slots, "slot")} in use
    <${Meter} value=${hosts.running} most=${hosts.slots}
      label=${`${hosts.running} of ${hosts.slots} slots in use`} /></p>
  <ul class="pool">
    ${POOL_STATES.filter((state) => state === "online" || hosts[state] > 0).map((state) => html`<li>
      <a href=${href("hosts", null, { state })}>
        <${State} state=${state} /> <strong>${number(hosts[state])}</strong>
      </a>
    </li>`)}
  </ul>
</section>`;

const Totals = ({ now }) => html`<section class="card" aria-labelledby="totals-title">
  <h2 id="totals-title">Since the start <span class="muted">(<${Ago} at=${now.started_at} />)</span></h2>
  <dl class="totals">
    ${[
      ["submitted", now.tasks.submitted],
      ["completed", now.tasks.completed],
      ["failed", now.tasks.failed],
      ["timed out", now.tasks.timeout],
      ["cancelled", now.tasks.cancelled],
      ["tokens in", now.tasks.input_tokens],
      ["tokens out", now.tasks.output_tokens],
    ].map(([name, value]) => html`<div><dt>${name}</dt><dd title=${exact(value)}>${number(value)}</dd></div>`)}
  </dl>
</section>`;


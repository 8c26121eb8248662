// One host: what it has, how it does, and what was found of it.
import { html, Component } from "../lib/html.js";
import { get, post } from "../lib/api.js";
import { beginnings, overview } from "../lib/live.js";
import { isAdmin } from "../lib/session.js";
import { say } from "../lib/notice.js";
import { href } from "../lib/router.js";
import { between, duration, exact, moment, number, percent, speed } from "../lib/format.js";
import { fastest, speedsOf } from "../lib/rates.js";
import { line } from "../lib/text.js";
import { Ago, Copy, Fact, Head, Meter, Reading, Said, State, Trouble } from "../components/bits.js";
import { Table } from "../components/table.js";
import { HostActions } from "../components/host-actions.js";
import { reliabilityOf } from "./hosts.js";

const SHORTEST_GAP = 2000;
const MOST_MODELS = 200;

export class Host extends Component {
  state = { host: null, audits: null, problem: null };

  componentDidMount() {
    let version = null;
    this.stops = [
      beginnings.listen(() => this.readSoon()),
      overview.listen(({ hosts }) => {
        if (version !== hosts.version) {
          version = hosts.version;
          this.readSoon();
        }
      }),
    ];
    this.read();
  }

  componentWillUnmount() {
    this.gone = true;
    clearTimeout(this.timer);
    this.stops.forEach((stop) => stop());
  }

  readSoon() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.read();
    }, SHORTEST_GAP);
  }

  async read() {
    const path = `/v1/hosts/${encodeURIComponent(this.props.id)}`;
    try {
      const host = await get(path);
      this.put({ host, problem: null });
    } catch (problem) {
      this.put(this.state.host && problem.status === 0 ? {} : { problem });
      return;
    }
    try {
      this.put({ audits: await get(`${path}/audits`) });
    } catch {
      this.put({ audits: null }); // Hosts that nobody audits have none.
    }
  }

  put(state) {
    if (!this.gone) {
      this.setState(state);
    }
  }

  async act(action, words) {
    await post(`/v1/hosts/${encodeURIComponent(this.props.id)}/${action}`);
    say(words);
    await this.read();
  }

  render({ id }, { host, audits, problem }) {
    const back = { href: "#/hosts", text: "Hosts" };
    if (!host) {
      return html`<${Head} title="Host" back=${back} note=${html`<bdi class="mono">${line(id)}</bdi>`} />
        ${problem ? html`<${Trouble} problem=${problem} />` : html`<${Reading} />`}`;
    }
    return html`<${Head} title=${html`<${State} state=${host.state} /> <${Said} text=${host.name} most=${80} />`}
      back=${back}
        note=${html`<bdi class="mono">${line(host.id)}</bdi> <${Copy} text=${host.id} what="the id" />`}>
        ${isAdmin() && html`<${HostActions} host=${host} onAct=${(action, words) => this.act(action, words)} />`}
      <//>
      <${Trouble} problem=${problem} />
      ${host.reason && html`<p class="banner"><${Said} text=${host.reason}
        most=${1000} />${host.rests_until &&
          html` <span class="muted">Until ${moment(host.rests_until)}.</span>`}</p>`}
      <${Facts} host=${host} />
      <${ModelTable} host=${host} />
      <div class="task-columns">
        <${Audits} audits=${audits} />
        <${Sessions} sessions=${host.sessions ?? []} />
      </div>`;
  }
}

const CARRIERS = { h2: "HTTP/2 stream", ws: "WebSocket", turn: "long polls", memory: "in this process" };

const Facts = ({ host }) => {
  const { completed = 0, failed = 0, lost = 0 } = host.reliability ?? {};
  return html`<dl class="facts card">
    <${Fact} name="Slots">${host.running} of ${host.slots} in use <${Meter} value=${host.running}
      most=${host.slots} label=${`${host.running} of ${host.slots} slots in use`} /><//>
    <${Fact} name="Reliability" title="Attempts since the gateway started">${percent(reliabilityOf(host))}
      <span class="muted"> ${number(completed)} completed, ${number(failed)} failed, ${number(lost)} lost</span><//>
    <${Fact} name="Carrier">${host.carrier ?
      html`${CARRIERS[host.carrier] ?? host.carrier} <span class="muted">(${host.carrier})</span>` : "not connected"}<//>
    <${Fact} name="Agent"><${Said} text=${host.agent ?? "–"} most=${80} /><//>
    <${Fact} name="Trust">${host.tier}<//>
    <${Fact} name="Role">${host.role === "fallback" ? "fallback: gets what no other host can do" : host.role}<//>
    ${host.owner && html`<${Fact} name="Owner"><${Said} text=${host.owner} most=${80} /><//>`}
    <${Fact} name="Enrolled" title=${moment(host.enrolled_at)}><${Ago} at=${host.enrolled_at} /><//>
    ${host.seen_at &&
      html`<${Fact} name="Heard of" title=${moment(host.seen_at)}><${Ago} at=${host.seen_at} /><//>`}
    <${Fact} name="Tasks"><a href=${href("tasks", null, { search: host.id })}>in the list</a><//>
  </dl>`;
};

const ModelTable = ({ host }) => html`<section class="card" aria-labelledby="models-title">
  <h2 id="models-title">Models <span class="count">${host.models.length}</span></h2>
  ${host.models.length === 0
    ? html`<p class="quiet-line">It has none that work can be given to.</p>`
    : html`<${Table} label="Models" columns=${modelColumns(host)}
      rows=${host.models.slice(0, MOST_MODELS)} keyOf=${({ name }) => name} />
        ${host.models.length > MOST_MODELS &&
          html`<p class="quiet-line">and ${host.models.length - MOST_MODELS} more</p>`}`}
  ${host.excluded_models?.length > 0 &&
    html`<p class="quiet-line">It has these too, which its join token does not let it serve:${" "}
    <${Said} text=${host.excluded_models.join(", ")} most=${600} /></p>`}
</section>`;

const sizeOf = (model) => [model.parameter_size, model.quantization].filter(Boolean).join(" · ");

const modelColumns = (host) => [
  {
    title: "Model",
    head: true,
    cell: (model) => html`<${Said} text=${model.name} most=${100} />${model.loaded &&
      html` <span class="tag good">loaded</span>`}
      <div class="muted"><${Said} text=${sizeOf(model)} most=${60} /></div>`,
  },
  {
    title: "Engine",
    cell: ({ engine }) => html`<span class="nowrap"><${Said} text=${engine ?? "–"} most=${30} /></span>`,
  },
  { title: "Context", figure: true, tip: ({ context }) => exact(context), cell: ({ context }) => number(context) },
  { title: "Can", cell: ({ kinds = [], capabilities = [] }) => html`<${Said} text=${[...kinds, ...capabilities].join(", ") || "–"} />` },
  { title: "Speed", figure: true, cell: ({ name }) => speed(fastest(speedsOf(host, name))) },
  { title: "Loads in", figure: true, cell: ({ name }) => duration(loadTimeOf(host, name)) },
];

const loadTimeOf = ({ rates = [] }, model) =>
  rates.find((rate) => rate.model === model && rate.load_seconds != null)?.load_seconds;

const KINDS = { canary: "canary", rerun: "re-run", shape: "shape" };

const Audits = ({ audits }) => html`<section class="card" aria-labelledby="audits-title">
  <h2 id="audits-title">Audits</h2>
  ${!audits
    ? html`<p class="quiet-line">${isAdmin() ? "None of this host." : "Shown to admins only."}</p>`
    : html`<p>Score <strong>${number(audits.score)}</strong> of ${number(audits.threshold)}, at which it is quarantined.${" "}
          ${number(audits.audited)} audited, ${number(audits.failed)} failed, ${number(audits.misshapen)} with a wrong shape.</p>
        ${audits.evidence.length > 0 && html`<ul class="evidence">
          ${audits.evidence.map((item) => html`<li data-tone=${item.passed ? "good" : "bad"}>
            <span aria-hidden="true">${item.passed ? "✓" : "✕"}</span><span
              class="off-screen">${item.passed ? "passed" : "failed"}</span>
            <div><strong>${KINDS[item.kind] ?? item.kind}</strong> of <${Said} text=${item.model}
              most=${60} />,${" "}
              <a href=${href("tasks", item.task)}>its task</a>, <span class="muted"><${Ago} at=${item.at} /></span>
              ${item.why && html`<div><${Said} text=${item.why} most=${500} /></div>`}
              ${item.asked && html`<div class="muted">asked: <${Said} text=${item.asked} most=${300} /></div>`}
              ${item.came && html`<div class="muted">came: <${Said} text=${item.came} most=${300} /></div>`}
            </div>
          </li>`)}
        </ul>`}`}
</section>`;

const Sessions = ({ sessions }) => html`<section class="card" aria-labelledby="sessions-title">
  <h2 id="sessions-title">Connections</h2>
  ${sessions.length === 0
    ? html`<p class="quiet-line">None since the gateway started.</p>`
    : html`<${Table} label="Connections" columns=${SESSION_COLUMNS} rows=${sessions}
      keyOf=${({ began }) => began} />`}
</section>`;

const SESSION_COLUMNS = [
  { title: "Began", head: true, tip: ({ began }) => moment(began), cell: ({ began }) => html`<${Ago} at=${began} />` },
  { title: "Carrier", cell: ({ carrier }) => CARRIERS[carrier] ?? carrier ?? "–" },
  {
    title: "Lasted",
    figure: true,
    cell: ({ began, ended }) => (ended ? duration(between(began, ended)) : html`<${Ago} at=${began} plain />`),
  },
  {
    title: "Ended by",
    cell: ({ ended, reason }) => (ended ? html`<${Said} text=${reason ?? "–"} most=${80} />` : "still here"),
  },
];

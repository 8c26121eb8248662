// What happened to a task, in tables.
import { html, Component } from "../lib/html.js";
import { between, bytes, clockTime, count, duration, exact, moment, number } from "../lib/format.js";
import { Ago, Said } from "./bits.js";
import { HostLink } from "./host-name.js";
import { Table } from "./table.js";

const MOST_ITEMS = 150;
const MOST_ATTEMPTS = 50;

const FOLDED = {
  content: "Output",
  reasoning: "Thinking",
  tool_call: "Tool calls",
  logprobs: "Probabilities",
  body: "Body",
  head: "Head",
  refusal: "Refusal",
};

/** The timeline; of a long one its beginning and end, the rest when asked for. */
export class TaskLog extends Component {
  state = { whole: false };

  render({ items, from }, { whole }) {
    const cut = !whole && items.length > MOST_ITEMS;
    const head = cut ? items.slice(0, MOST_ITEMS / 3) : items;
    const tail = cut ? items.slice(-(MOST_ITEMS * 2) / 3) : [];
    const item = (entry) => html`<${Item} key=${entry.seq} item=${entry} from=${from} />`;
    return html`<ol class="timeline">
      ${head.map(item)}
      ${cut && html`<li class="timeline-cut"><button type="button" class="small"
        onClick=${() => this.setState({ whole: true })}>
        Show ${number(items.length - head.length - tail.length)} more
      </button></li>`}
      ${tail.map(item)}
    </ol>`;
  }
}

const Item = ({ item, from }) => {
  const took = between(item.at, item.until);
  return html`<li data-tone=${item.tone ?? (item.fold ? "output" : "")}>
    <span class="timeline-at"
      title=${`${moment(item.at)}, event ${item.seq}`}>+${duration(between(from, item.at))}</span>
    <span class="timeline-says">
      ${item.fold
        ?
          html`${FOLDED[item.fold] ?? item.fold}, ${count(item.pieces, "piece")}, ${duration(took)}<span
            class="muted" title=${exact(item.size)}> · ${bytes(item.size)}</span>`
        : html`<${Said} text=${item.says} />${item.times > 1 &&
          html`<span class="muted"> · ${duration(took)}</span>`}`}
      ${item.host && html` <span class="muted">to <${HostLink} id=${item.host} /></span>`}
      ${item.detail && html`<span class="timeline-detail"><${Said} text=${item.detail} most=${600} /></span>`}
    </span>
  </li>`;
};

/** The tries, each with its host and how it ended. */
export const Attempts = ({ attempts }) => html`<section class="card" aria-labelledby="attempts-title">
  <h2 id="attempts-title">Attempts <span class="count">${attempts.length}</span></h2>
  ${attempts.length === 0
    ? html`<p class="quiet-line">No host has had it yet.</p>`
    : html`<${Table} label="Attempts" columns=${ATTEMPT_COLUMNS} rows=${attempts.slice(-MOST_ATTEMPTS)}
      keyOf=${({ began, number: no }) => `${began}/${no}`} />`}
</section>`;

const ATTEMPT_COLUMNS = [
  {
    title: "Host",
    head: true,
    cell: ({ host, mode }) => html`<${HostLink} id=${host} />
      ${mode && html` <span class="tag">goes on (${mode})</span>`}`,
  },
  { title: "Attempt", cell: (attempt) => html`${attempt.number}${attempt.fence != null &&
    html` <span class="muted">fence ${attempt.fence}</span>`}` },
  {
    title: "Outcome",
    cell: ({ outcome, detail }) => html`<span class="outcome"
      data-outcome=${outcome}>${outcome === "timeout" ? "timed out" : outcome}</span>
      ${detail && html`<div class="muted"><${Said} text=${detail} most=${300} /></div>`}`,
  },
  { title: "Pieces", figure: true, tip: ({ pieces }) => exact(pieces), cell: ({ pieces }) => number(pieces) },
  {
    title: "Took",
    figure: true,
    tip: ({ began }) => `began ${moment(began)}`,
    cell: ({ began, ended }) => (ended ? duration(between(began, ended)) : html`<${Ago} at=${began} plain />`),
  },
];

/** What the checks said of each answer. */
export const Verdicts = ({ rounds }) => html`<section class="card" aria-labelledby="verdicts-title">
  <h2 id="verdicts-title">Checks of answers</h2>
  ${rounds.slice(-20).map((round) => html`<div class="round">
    <h3>Answer ${round.attempt} of ${round.max_attempts} <span class="muted">${clockTime(round.at)}</span></h3>
    <ul>${round.verdicts.map((verdict) => html`<li data-tone=${verdict.valid ? "good" : "bad"}>
      <span aria-hidden="true">${verdict.valid ? "✓" : "✕"}</span><span
        class="off-screen">${verdict.valid ? "passed" : "not passed"}</span>
      <strong><${Said} text=${verdict.validator} /></strong> ${verdict.error &&
        html`<${Said} text=${verdict.error} most=${1000} />`}
    </li>`)}</ul>
  </div>`)}
</section>`;

// A chat with a model of the pool, and the same as a command.
import { html, Component, createRef } from "../lib/html.js";
import { get } from "../lib/api.js";
import { ask, emptyAnswer } from "../lib/chat.js";
import { curlOf } from "../lib/curl.js";
import { isAdmin } from "../lib/session.js";
import { href } from "../lib/router.js";
import { count, duration, speed } from "../lib/format.js";
import { line, visible } from "../lib/text.js";
import { Command, Empty, Head, Trouble } from "../components/bits.js";
import { TextPane } from "../components/text-pane.js";
import { AdminsOnly } from "../components/admins-only.js";

const REDRAW = 80;
const NEAR = 100; // Pixels below the screen at which the end still counts as seen.
const LONG = 20_000; // Characters from which a text gets a scroller of its own.

// The conversation outlives the page's other parts, and ends with the tab.
const memory = { turns: [], system: "", model: "", draft: "" };

export class Try extends Component {
  state = { models: null, problem: null, busy: false };
  field = createRef();
  end = createRef();

  componentDidMount() {
    if (isAdmin()) {
      this.readModels();
    }
  }

  componentWillUnmount() {
    this.running?.abort();
    clearTimeout(this.redraw);
  }

  async readModels() {
    try {
      const models = (await get("/v1/models")).data.map(({ id }) => id).filter((id) => id !== "*");
      memory.model = models.includes(memory.model) ? memory.model : (models[0] ?? "");
      this.setState({ models, problem: null });
    } catch (problem) {
      this.setState({ problem });
    }
  }

  draw() {
    this.redraw ??= setTimeout(() => {
      this.redraw = null;
      // Who has scrolled back to read is left there.
      const isInView = this.end.current?.getBoundingClientRect().top < innerHeight + NEAR;
      this.setState({}, () => isInView && this.end.current?.scrollIntoView({ block: "nearest" }));
    }, REDRAW);
  }

  // counted: with the tokens of the answer at its end.
  body(turns, counted) {
    const messages = turns.filter(({ problem, text }) => !problem && text).map(({ role, text }) => ({ role, content: text }));
    if (memory.system.trim()) {
      messages.unshift({ role: "system", content: memory.system });
    }
    return { model: memory.model || "MODEL", messages, stream: true, ...(counted ? { stream_options: { include_usage: true } } : {}) };
  }

  async submit(event) {
    event.preventDefault();
    const text = memory.draft.trim();
    if (!text || this.state.busy) {
      return;
    }
    memory.turns.push({ role: "user", text });
    memory.draft = "";
    const answer = emptyAnswer();
    const body = this.body(memory.turns, true);
    memory.turns.push(answer);
    this.running = new AbortController();
    this.setState({ busy: true });
    try {
      await ask(body, answer, { signal: this.running.signal, drawn: () => this.draw() });
    } catch (problem) {
      if (problem.name === "AbortError") {
        answer.stopped = true;
      } else {
        answer.problem = problem;
      }
    }
    this.running = null;
    this.setState({ busy: false });
    this.field.current?.focus();
  }

  clear() {
    this.running?.abort();
    memory.turns = [];
    this.setState({});
  }

  set(name, value) {
    memory[name] = value;
    this.setState({});
  }

  render(_, { models, problem, busy }) {
    if (!isAdmin()) {
      return html`<${AdminsOnly} title="Try it" />`;
    }
    const next = memory.draft.trim() || (memory.turns.length === 0 ? "Say hello." : "");
    const draft = [...memory.turns, { role: "user", text: next }];
    return html`<div class="try">
      <${Head} title="Try it">${memory.turns.length > 0 && html`<button type="button"
        onClick=${() => this.clear()}>New conversation</button>`}<//>
      <${Trouble} problem=${problem} />
      ${models?.length === 0 && html`<${Empty} title="No model is here."
        command=${`pollard agent --gateway ${location.origin}`} label="Start an agent"><//>`}
      <div class="try-setup card">
        <div class="field"><label for="try-model">Model</label>
          <select id="try-model" value=${memory.model} onChange=${(event) => this.set("model", event.target.value)}>
            ${(models ?? []).map((model) => html`<option value=${model}
              selected=${model === memory.model}>${line(model, 80)}</option>`)}
          </select></div>
        <div class="field"><label for="try-system">System prompt</label>
          <textarea id="try-system" rows="1" placeholder="none" value=${memory.system}
            onInput=${(event) => this.set("system", event.target.value)}></textarea></div>
      </div>
      <ol class="turns" aria-label="Conversation">${memory.turns.map((turn, index) => html`<${Turn} key=${index}
        turn=${turn} busy=${busy && index === memory.turns.length - 1} />`)}</ol>
      <form class="try-form" onSubmit=${(event) => this.submit(event)}>
        <label for="try-text" class="off-screen">Message</label>
        <textarea id="try-text" data-search ref=${this.field} rows="3"
          placeholder="Ask something. Enter sends, Shift+Enter begins a line." value=${memory.draft}
          onInput=${(event) => this.set("draft", event.target.value)}
            onKeyDown=${(event) => sendOnEnter(event)}></textarea>
        ${busy
          ? html`<button type="button" class="danger" onClick=${() => this.running.abort()}>Stop</button>`
          : html`<button type="submit" class="primary" disabled=${!memory.model}>Send</button>`}
      </form>
      <div ref=${this.end}></div>
      <details class="card"><summary>The same with curl</summary>
        <${Command} text=${curlOf(this.body(draft, false))} label="The same with curl" /></details>
    </div>`;
  }
}

function sendOnEnter(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
}

const sizeOf = ({ tokens, pieces }) => (tokens ? count(tokens, "token") : count(pieces, "piece"));

const Turn = ({ turn, busy }) => html`<li class="turn" data-role=${turn.role}>
  <p class="turn-who">${turn.role === "user" ? "You" : "Model"}</p>
  ${turn.thinking &&
    html`<details class="thinking"><summary>Thinking</summary><div
      class="turn-text"><bdi>${visible(turn.thinking.slice(-LONG))}</bdi></div></details>`}
  ${turn.text.length > LONG
    ? html`<${TextPane} text=${turn.text} epoch=${0} label="Answer" follow=${busy} />`
    : html`<div class="turn-text" dir="auto">${visible(turn.text)}${busy && html`<span class="caret"
      aria-hidden="true"></span>`}</div>`}
  <${Trouble} problem=${turn.problem} />
  ${turn.role === "assistant" && html`<p class="turn-facts muted" aria-live=${busy ? "off" : "polite"}>
    ${busy && turn.pieces === 0 ? "Waiting for the first word …" : ""}
    ${turn.stopped && "Stopped. "}
    ${turn.pieces > 0 && html`<span>${sizeOf(turn)} in ${duration(turn.seconds)}</span> `}
    ${turn.speed && html`<span>${speed(turn.speed)}</span> `}
    ${turn.task && html`<a href=${href("tasks", turn.task)}>its task</a>`}
  </p>`}
</li>`;

// One task: what happened to it, what it gave, and what can be done about it.
import { html, Component } from "../lib/html.js";
import { call, get, post } from "../lib/api.js";
import { beginnings, changedTasks, connection, startLive, stopLive } from "../lib/live.js";
import { TaskEvents } from "../lib/task-events.js";
import { isAdmin } from "../lib/session.js";
import { say } from "../lib/notice.js";
import { href } from "../lib/router.js";
import { between, duration, exact, moment, number, percent, tokensOf } from "../lib/format.js";
import { line } from "../lib/text.js";
import { Ago, Copy, Fact, Head, Reading, Said, State, Trouble } from "../components/bits.js";
import { HostLink } from "../components/host-name.js";
import { TaskActions } from "../components/task-actions.js";
import { TaskContents, LiveText } from "../components/task-contents.js";
import { TaskLog, Attempts, Verdicts } from "../components/task-log.js";
import { Why } from "../components/why.js";
import { InputForm } from "../components/input-form.js";

const REDRAW = 120; // Milliseconds between two drawings of text that grows.
const READ_GAP = 300;

export class Task extends Component {
  state = { task: null, problem: null };

  componentDidMount() {
    this.stops = [
      beginnings.listen(() => this.read()),
      changedTasks.listen(({ tasks }) => tasks.some(({ id }) => id === this.props.id) && this.read()),
    ];
    this.start();
  }

  componentWillUnmount() {
    this.gone = true;
    this.stops.forEach((stop) => stop());
    clearTimeout(this.redraw);
    clearTimeout(this.reading);
    this.events?.stop();
    startLive();
  }

  async start() {
    await this.read();
    if (this.state.task && !this.gone) {
      this.followEvents();
    }
  }

  // One connection a page: the task's own while it lives, the overview's when it has ended.
  followEvents() {
    this.events?.stop();
    this.events = new TaskEvents(this.props.id, {
      happened: () => this.readSoon(),
      drawn: () => this.draw(),
      line: (state) => connection.set(state),
    });
    if (!this.state.task.final) {
      stopLive();
    }
    this.events.start();
  }

  draw() {
    if (this.events.timeline.final || this.events.problem) {
      startLive();
    }
    this.redraw ??= setTimeout(() => {
      this.redraw = null;
      this.setState({});
    }, REDRAW);
  }

  readSoon() {
    this.reading ??= setTimeout(() => {
      this.reading = null;
      this.read();
    }, READ_GAP);
  }

  async read() {
    try {
      const task = await get(`/v1/tasks/${encodeURIComponent(this.props.id)}`);
      if (this.gone) {
        return;
      }
      // Somebody started it over, here or elsewhere.
      const again = this.state.task?.final && !task.final;
      this.setState({ task, problem: null });
      if (again) {
        this.followEvents();
      }
    } catch (problem) {
      this.setState(this.state.task && problem.status === 0 ? {} : { problem });
    }
  }

  async act(does, words) {
    await does();
    say(words);
    await this.read();
  }

  render({ id }, { task, problem }) {
    const back = { href: "#/tasks", text: "Tasks" };
    if (!task) {
      return html`<${Head} title="Task" back=${back} note=${html`<bdi class="mono">${line(id)}</bdi>`} />
        ${problem ? html`<${Trouble} problem=${problem} />` : html`<${Reading} />`}`;
    }
    const timeline = this.events?.timeline;
    const path = `/v1/tasks/${encodeURIComponent(id)}`;
    return html`<div class="task">
      <${Head} title=${html`<${State} state=${task.state} needsInput=${task.needs_input} /> <${Said}
        text=${task.model ?? task.kind} most=${80} />`}
        back=${back} note=${html`<bdi class="mono">${line(task.id)}</bdi> <${Copy} text=${task.id}
          what="the id" />`}>
        ${isAdmin() && html`<${TaskActions} task=${task}
          onCancel=${() => this.act(() => call("DELETE", path), "Cancelled")}
          onRetry=${() => this.act(() => post(`${path}/retry`), "Started over")} />`}
      <//>
      <${Trouble} problem=${problem} />
      ${task.error &&
        html`<${Trouble} problem=${{ title: codeOf(task.error), detail: task.error.detail ?? task.error.title }} />`}
      <${Facts} task=${task} phase=${timeline?.phase} />
      ${task.needs_input && isAdmin() && html`<${InputForm} asked=${timeline?.asked}
        onSend=${(body) => this.act(() => post(`${path}/input`, body), "Sent")} />`}
      ${task.state === "pending" && !task.needs_input && html`<${Why} id=${id} />`}
      ${timeline && isAdmin() && !task.final && html`<${LiveText} timeline=${timeline} />`}
      <div class="task-columns">
        <section class="card" aria-labelledby="log-title"><h2 id="log-title">Timeline</h2>
          <${Trouble} problem=${this.events?.problem} />
          ${this.events?.truncated && html`<p class="quiet-line">The log is longer than this page reads.</p>`}
          ${timeline && html`<${TaskLog} items=${timeline.items} from=${task.created_at} />`}</section>
        <div>
          ${timeline && html`<${Attempts} attempts=${timeline.attempts} />`}
          ${timeline?.verdicts.length > 0 && html`<${Verdicts} rounds=${timeline.verdicts} />`}
        </div>
      </div>
      ${isAdmin()
        ? html`<${TaskContents} task=${task} path=${path} />`
        : html`<p class="quiet-line">Request and result are shown to admins only.</p>`}
    </div>`;
  }
}

const codeOf = (error) => error.type.replace("urn:pollard:error:", "");

const progressOf = ({ phase, percent: share, message }) =>
  [phase, share == null ? null : percent(share), message].filter(Boolean).join(", ");

const Facts = ({ task, phase }) => {
  const tokens = tokensOf(task.usage);
  const waited = between(task.created_at, task.started_at);
  const ran = between(task.started_at, task.ended_at);
  return html`<dl class="facts card">
    <${Fact} name="Kind"><${Said} text=${task.kind} /><//>
    ${task.host && html`<${Fact} name="Host"><${HostLink} id=${task.host} /><//>`}
    ${task.owner && html`<${Fact} name="Owner"><a class="mono"
      href=${href("tasks", null, { owner: task.owner })}><${Said} text=${task.owner} most=${60} /></a><//>`}
    <${Fact} name="Created" title=${moment(task.created_at)}><${Ago} at=${task.created_at} /><//>
    ${waited != null && html`<${Fact} name="Waited" title=${`${exact(waited)} s`}>${duration(waited)}<//>`}
    ${task.state === "running" && task.started_at &&
      html`<${Fact} name="Runs for"><${Ago} at=${task.started_at} plain /><//>`}
    ${ran != null && html`<${Fact} name="Ran" title=${`${exact(ran)} s`}>${duration(ran)}<//>`}
    ${task.run_at && task.state === "pending" && html`<${Fact} name="Not before">${moment(task.run_at)}<//>`}
    ${phase && task.state === "running" &&
      html`<${Fact} name="Phase"><${Said} text=${progressOf(phase)} /><//>`}
    <${Fact} name="Attempt">${task.attempt} of ${task.max_attempts}<//>
    ${task.validation_attempts > 0 && html`<${Fact} name="Answers checked">${task.validation_attempts}<//>`}
    ${task.usage && html`<${Fact} name="Tokens"
      title=${`${exact(tokens.input)} in, ${exact(tokens.output)} out`}>
      ${number(tokens.input)} in, ${number(tokens.output)} out<//>`}
    ${task.usage && ran > 0 && tokens.output > 0 &&
      html`<${Fact} name="Speed">${number(tokens.output / ran)} tok/s<//>`}
    <${Fact} name="Priority">${task.priority}<//>
    <${Fact} name="Kept">${task.durability === "full" ? "on disk at once" : "on disk at the end"}<//>
    ${task.name && html`<${Fact} name="Also called"><span class="mono"><${Said} text=${task.name} /></span><//>`}
    ${task.metadata &&
      html`<${Fact} name="Metadata"><span class="mono"><${Said} text=${JSON.stringify(task.metadata)} /></span><//>`}
  </dl>`;
};

import { html, Component } from "../lib/html.js";
import { get } from "../lib/api.js";
import { jsonText } from "../lib/text.js";
import { Trouble } from "./bits.js";
import { TextPane } from "./text-pane.js";

/** Request and result, which are read and shown when somebody asks for them. */
export class TaskContents extends Component {
  state = { request: null, problem: null, result: false, raw: false };

  async showRequest() {
    if (this.state.request) {
      this.setState({ request: null });
      return;
    }
    try {
      this.setState({ request: jsonText(await get(`${this.props.path}/request`)), problem: null });
    } catch (problem) {
      this.setState({ problem });
    }
  }

  render({ task }, { request, problem, result, raw }) {
    const text = result ? textOf(task.result) : null;
    return html`<section class="card" aria-labelledby="request-title">
        <h2 id="request-title">Request</h2>
        <p><button type="button" aria-expanded=${request != null}
          onClick=${() => this.showRequest()}>${request ? "Hide request" : "Show request"}</button></p>
        <${Trouble} problem=${problem} />
        ${request && html`<${TextPane} text=${request} epoch=${0} label="Request as submitted" />`}
      </section>
      ${task.result !== undefined && task.result !== null && html`<section class="card"
        aria-labelledby="result-title">
        <h2 id="result-title">Result</h2>
        <p class="buttons">
          <button type="button" aria-expanded=${result}
            onClick=${() => this.setState({ result: !result })}>${result ? "Hide result" : "Show result"}</button>
          ${text != null && html`<button type="button" aria-pressed=${raw}
            onClick=${() => this.setState({ raw: !raw })}>As JSON</button>`}
        </p>
        ${result && (raw || text == null
          ? html`<${TextPane} key="json" text=${jsonText(task.result)} epoch=${task.version}
            label="Result, as JSON" />`
          : html`<${TextPane} key="text" text=${text} epoch=${task.version} label="Text of the result" />`)}
      </section>`}`;
  }
}

/** The text of a chat's or completion's result; null where it is something else. */
function textOf(result) {
  const choice = result?.choices?.length === 1 ? result.choices[0] : null;
  const text = choice?.message?.content ?? choice?.text;
  return typeof text === "string" && text !== "" ? text : null;
}

/** What comes of a task while it runs. */
export const LiveText = ({ timeline }) => html`
  ${timeline.reasoning && html`<details class="card thinking"><summary>Thinking</summary>
    <${TextPane} text=${timeline.reasoning} epoch=${timeline.epoch} label="Thinking so far" follow /></details>`}
  ${timeline.text && html`<section class="card" aria-label="Output"><${TextPane} text=${timeline.text}
    epoch=${timeline.epoch} label="Output so far" follow /></section>`}`;

import { html, Component } from "../lib/html.js";
import { moment } from "../lib/format.js";
import { Said, Trouble } from "./bits.js";

const ACTIONS = [
  ["retry", "Ask the model again", "with your text as a hint"],
  ["accept", "Accept the last answer", "as it is"],
  ["reject", "Reject", "the task fails; your text is the reason"],
];

/** A person's word on a task that needs it. */
export class InputForm extends Component {
  state = { busy: false, problem: null };

  async submit(event) {
    event.preventDefault();
    const form = new FormData(event.target, event.submitter);
    this.setState({ busy: true, problem: null });
    try {
      await this.props.onSend({ action: form.get("action"), text: form.get("text") || undefined });
    } catch (problem) {
      this.setState({ problem });
    }
    this.setState({ busy: false });
  }

  render({ asked }, { busy, problem }) {
    return html`<section class="card ask" aria-labelledby="ask-title">
      <h2 id="ask-title">Your word is needed</h2>
      ${asked && html`<p><${Said} text=${asked.reason} most=${2000} />${asked.until &&
        html`<span class="muted"> Until ${moment(asked.until)}.</span>`}</p>`}
      <form onSubmit=${(event) => this.submit(event)}>
        <label for="ask-text">Text for the model, or the reason</label>
        <textarea id="ask-text" name="text" rows="3" maxlength="60000"></textarea>
        <${Trouble} problem=${problem} />
        <div class="buttons">
          ${ACTIONS.map(([action, text, hint]) => html`<button type="submit" name="action" value=${action}
            title=${hint} disabled=${busy}
            class=${action === "reject" ? "danger" : action === "retry" ? "primary" : null}>${text}</button>`)}
        </div>
      </form>
    </section>`;
  }
}

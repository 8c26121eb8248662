import { html, Component } from "../lib/html.js";
import { line } from "../lib/text.js";
import { FormDialog } from "./dialog.js";

/** What can be done with a task; both ask first. */
export class TaskActions extends Component {
  state = { asks: null };

  async confirm() {
    await (this.state.asks === "cancel" ? this.props.onCancel : this.props.onRetry)();
    this.setState({ asks: null });
  }

  render({ task }, { asks }) {
    const close = () => this.setState({ asks: null });
    return html`
      ${!task.final && html`<button type="button" class="danger"
        onClick=${() => this.setState({ asks: "cancel" })}>Cancel task</button>`}
      ${task.final && task.state !== "completed" && html`<button type="button"
        onClick=${() => this.setState({ asks: "retry" })}>Retry</button>`}
      ${asks === "cancel" &&
      html`<${FormDialog} title="Cancel this task?" action="Cancel the task" danger
        onSubmit=${() => this.confirm()} onClose=${close}>
        <p><bdi class="mono">${line(task.id)}</bdi> ends as cancelled, and its host stops. It can be started over later.</p>
      <//>`}
      ${asks === "retry" &&
      html`<${FormDialog} title="Start this task over?" action="Start over" onSubmit=${() => this.confirm()}
        onClose=${close}>
        <p><bdi class="mono">${line(task.id)}</bdi> is run again from the beginning, with all its
          attempts. What it wrote so far is void.</p>
      <//>`}`;
  }
}

import { html, Component } from "../lib/html.js";
import { line } from "../lib/text.js";
import { FormDialog } from "./dialog.js";
import { say } from "../lib/notice.js";

const ASKS = {
  drain: {
    title: "Drain this host?",
    action: "Drain",
    words: "Draining",
    text: "gets no more work; what runs there goes on to its end.",
  },
  revoke: {
    title: "Revoke this host?",
    action: "Revoke the host",
    danger: true,
    words: "Revoked",
    text: "is shut out for good, and what it runs goes to other hosts. It can only come back by a new token.",
  },
  release: {
    title: "Release this host?",
    action: "Release",
    words: "Released",
    text: "gets work again, and its score and counts begin anew. The evidence stays.",
  },
};

/** What can be done with a host; all but resuming asks first. */
export class HostActions extends Component {
  state = { asks: null };

  async confirm() {
    const { asks } = this.state;
    await this.props.onAct(asks, ASKS[asks].words);
    this.setState({ asks: null });
  }

  async resume() {
    try {
      await this.props.onAct("resume", "Resumed");
    } catch (problem) {
      say(problem.message);
    }
  }

  render({ host }, { asks }) {
    const button = (action, text, danger) =>
      html`<button type="button" class=${danger ? "danger" : null}
        onClick=${() => this.setState({ asks: action })}>${text}</button>`;
    const ask = ASKS[asks];
    return html`
      ${host.state === "draining" && html`<button type="button" onClick=${() => this.resume()}>Resume</button>`}
      ${host.state === "quarantined" && button("release", "Release")}
      ${["online", "paused"].includes(host.state) && button("drain", "Drain")}
      ${host.state !== "revoked" && button("revoke", "Revoke", true)}
      ${ask && html`<${FormDialog} title=${ask.title} action=${ask.action} danger=${ask.danger}
        onSubmit=${() => this.confirm()} onClose=${() => this.setState({ asks: null })}>
        <p><strong><bdi>${line(host.name, 80)}</bdi></strong> ${ask.text}</p>
      <//>`}`;
  }
}

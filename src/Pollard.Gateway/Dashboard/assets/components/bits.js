// Small things that every page uses.
import { html, Component } from "../lib/html.js";
import { copy } from "../lib/copy.js";
import { since, tick } from "../lib/clock.js";
import { duration, moment } from "../lib/format.js";
import { line } from "../lib/text.js";

/** A text of a host or a client, in one line. */
export const Said = ({ text, most = 200, class: name }) => html`<bdi class=${name}
  title=${line(text, 1000)}>${line(text, most)}</bdi>`;

const MARKS = {
  pending: "◔", running: "▶", completed: "✓", failed: "✕", timeout: "◷", cancelled: "⊘",
  online: "●", draining: "◑", paused: "‖", quarantined: "!", offline: "○", revoked: "⊘",
};

/** A state of a task or a host: a mark, a word and a colour. */
export const State = ({ state, needsInput }) =>
  html`<span class="state" data-state=${needsInput ? "input" : state}>
    <span aria-hidden="true" class="mark">${needsInput ? "?" : MARKS[state] ?? "·"}</span>${needsInput ? "needs input" : state}
  </span>`;

/** How long ago, or how long since; draws itself anew only when the words change. */
export class Ago extends Component {
  state = { words: this.words() };

  words(props = this.props) {
    const seconds = Math.floor(Math.max(0, since(props.at)));
    return props.plain ? duration(seconds) : seconds === 0 ? "just now" : `${duration(seconds)} ago`;
  }

  componentDidMount() {
    this.stop = tick.listen(() => this.look());
  }

  componentDidUpdate() {
    this.look();
  }

  componentWillUnmount() {
    this.stop();
  }

  look() {
    const words = this.words();
    if (words !== this.state.words) {
      this.setState({ words });
    }
  }

  shouldComponentUpdate(props, state) {
    return state.words !== this.state.words || props.at !== this.props.at;
  }

  render({ at }) {
    return html`<time datetime=${at} title=${moment(at)}>${this.words()}</time>`;
  }
}

/** A button that copies a text and says so. */
export class Copy extends Component {
  state = { word: null };

  async copy() {
    const done = await copy(this.props.text);
    this.setState({ word: done ? "Copied" : "Select and copy by hand" });
    this.timer = setTimeout(() => this.setState({ word: null }), 2000);
  }

  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  render({ label = "Copy", what = "" }, { word }) {
    return html`<button type="button" class="small" onClick=${() => this.copy()}>
      <span aria-live="polite">${word ?? label}</span>${what && html`<span class="off-screen"> ${what}</span>`}
    </button>`;
  }
}

/** A command for a shell, to be copied. */
export const Command = ({ text, label = "Command" }) => html`<div class="command">
  <pre tabindex="0" role="region" aria-label=${label}><code>${text}</code></pre>
  <${Copy} text=${text} what=${label.toLowerCase()} />
</div>`;

/** What is shown where there is nothing yet: why, and what to do. */
export const Empty = ({ title, children, command, label }) => html`<div class="empty">
  <p class="empty-title">${title}</p>
  ${children}
  ${command && html`<${Command} text=${command} label=${label} />`}
</div>`;

/** In place of what is being read. */
export const Reading = () => html`<p class="loading" role="status">Reading …</p>`;

/** Why something failed, where it was done. */
export const Trouble = ({ problem }) =>
  problem &&
  html`<div class="trouble" role="alert">
    <strong><bdi>${line(problem.title ?? problem.message, 300)}</bdi></strong>
    ${problem.detail && html`<bdi>${line(problem.detail, 2000)}</bdi>`}
  </div>`;

/** A share of something as a bar. */
export const Meter = ({ value, most, label }) => {
  const share = most > 0 ? Math.min(100, (value / most) * 100) : 0;
  return html`<span class="meter" role="img" aria-label=${label}>
    <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="6"
      class="meter-all" /><rect width=${share} height="6" class="meter-part" /></svg>
  </span>`;
};

/** A pair of a word and its value in a list of facts. */
export const Fact = ({ name, children, title }) =>
  html`<div class="fact"><dt>${name}</dt><dd title=${title}>${children}</dd></div>`;

/** The head of a page: its title, which gets the focus when the page is opened, and what can be done. */
export const Head = ({ title, note, back, children }) => html`<header class="head">
  ${back && html`<a class="back" href=${back.href}>${back.text}</a>`}
  <h1 tabindex="-1" id="title">${title}</h1>
  ${note && html`<p class="note">${note}</p>`}
  <div class="actions">${children}</div>
</header>`;


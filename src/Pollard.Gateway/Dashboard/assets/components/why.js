import { html, Component } from "../lib/html.js";
import { get } from "../lib/api.js";
import { duration, exact } from "../lib/format.js";
import { Said, Trouble } from "./bits.js";

const AGAIN = 3000;
const MOST_HOSTS = 30;

/** Why a task waits, asked again while it does. */
export class Why extends Component {
  state = { why: null, problem: null };

  componentDidMount() {
    this.read();
  }

  componentWillUnmount() {
    this.gone = true;
    clearTimeout(this.timer);
  }

  async read() {
    if (!document.hidden) {
      try {
        const why = await get(`/v1/tasks/${encodeURIComponent(this.props.id)}/why`);
        this.setState({ why, problem: null });
      } catch (problem) {
        this.setState({ problem });
      }
    }
    if (!this.gone) {
      this.timer = setTimeout(() => this.read(), AGAIN);
    }
  }

  render(_, { why, problem }) {
    return html`<section class="card why" aria-labelledby="why-title">
      <h2 id="why-title">Why it waits</h2>
      <${Trouble} problem=${problem} />
      ${why && html`<p class="why-summary"><${Said} text=${why.summary} most=${1000} /></p>
        <p class="muted">
          ${why.position != null && `${placeOf(why.position)} `}
          ${why.estimate != null &&
            html`<span title=${`${exact(why.estimate)} s`}>It will probably wait ${duration(why.estimate)} more.</span>`}
        </p>
        ${why.hosts.length > 0 && html`<ul class="why-hosts">
          ${why.hosts.slice(0, MOST_HOSTS).map((host) => html`<li data-tone=${host.can ? "good" : "bad"}>
            <span aria-hidden="true">${host.can ? "✓" : "✕"}</span><span
              class="off-screen">${host.can ? "can" : "cannot"}</span>
            <strong><${Said} text=${host.host} most=${60} /></strong> <${Said} text=${host.reason} most=${300} />
          </li>`)}
          ${why.hosts.length > MOST_HOSTS && html`<li class="muted">and ${why.hosts.length - MOST_HOSTS} more</li>`}
        </ul>`}`}
    </section>`;
  }
}

const placeOf = (position) =>
  position === 0 ? "It is the next of its owner." : `${position} of the same owner come first.`;

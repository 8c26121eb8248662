import { html, Component } from "../lib/html.js";
import { signIn } from "../lib/session.js";
import { Trouble } from "./bits.js";

/** Asks for a key. The page behind stays: its address is still there afterwards. */
export class Login extends Component {
  state = { busy: false, problem: null };

  componentDidMount() {
    document.title = "Sign in – Pollard";
  }

  async submit(event) {
    event.preventDefault();
    const field = event.target.elements.key;
    this.setState({ busy: true, problem: null });
    try {
      await signIn(field.value.trim());
    } catch (problem) {
      this.setState({ busy: false, problem });
      field.select();
    }
  }

  render(_, { busy, problem }) {
    return html`<main class="login" id="main">
      <form class="card" onSubmit=${(event) => this.submit(event)}>
        <h1 id="title"><img src="/dashboard/favicon.svg" alt="" width="28" height="28" />Pollard</h1>
        <label for="key">Key of an admin or a viewer</label>
        <input id="key" name="key" type="password" required autofocus autocomplete="current-password"
          spellcheck=${false}
          placeholder="pk_…" aria-describedby="key-hint" />
        <p class="hint" id="key-hint">
          The first start of the gateway printed one. <code>pollard key create NAME --admin</code> makes others.
        </p>
        <${Trouble} problem=${problem} />
        <button type="submit" class="primary" disabled=${busy} aria-busy=${busy}>Sign in</button>
      </form>
    </main>`;
  }
}

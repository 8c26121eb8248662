// What stands around every page: navigation, the state of the line, the theme, and what is wrong with the gateway.
import { html, Component, Live } from "../lib/html.js";
import { connection, overview } from "../lib/live.js";
import { session, signOut, isAdmin } from "../lib/session.js";
import { nextTheme, theme } from "../lib/theme.js";
import { notice, say } from "../lib/notice.js";
import { href, route } from "../lib/router.js";
import { Dialog } from "./dialog.js";
import { Said } from "./bits.js";
import { Icon } from "./icons.js";

const LINKS = [
  { page: "now", text: "Now" },
  { page: "tasks", text: "Tasks" },
  { page: "hosts", text: "Hosts" },
  { page: "models", text: "Models", more: true },
  { page: "try", text: "Try it" },
  { page: "keys", text: "Keys", more: true, admin: true },
  { page: "settings", text: "Settings", more: true, admin: true },
];

export class Shell extends Component {
  state = { menu: false };

  componentDidMount() {
    this.named();
  }

  // A screen reader hears the new page's title, and Tab goes on from there.
  componentDidUpdate(before) {
    if (before.page !== this.props.page || this.id !== route.value.id) {
      this.named();
      this.turned = true;
    }
    if (this.turned && this.props.loaded) {
      this.turned = false;
      document.getElementById("title")?.focus({ preventScroll: true });
      document.getElementById("main").scrollTop = 0;
    }
  }

  named() {
    this.id = route.value.id;
    const link = LINKS.find(({ page }) => page === this.props.page);
    document.title = `${link?.text ?? "Pollard"}${this.id ? `: ${this.id}` : ""} – Pollard`;
  }

  render({ page, children, onHelp }, { menu }) {
    const links = LINKS.filter(({ admin }) => !admin || isAdmin());
    return html`<div class="shell">
      <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
      <header class="side">
        <a class="brand" href="#/now"><img src="/dashboard/favicon.svg" alt="" width="22" height="22" />Pollard</a>
        <nav aria-label="Pages">
          <ul>
            ${links.map(({ page: name, text, more }) => html`<li class=${more ? "wide-only" : null}>
              <a href=${href(name)} aria-current=${name === page ? "page" : null}>
                <${Icon} name=${name} />${text}
              </a>
            </li>`)}
            <li class="narrow-only">
              <button type="button" class="nav-more" aria-haspopup="dialog"
                onClick=${() => this.setState({ menu: true })}>
                <${Icon} name="more" />More
              </button>
            </li>
          </ul>
        </nav>
        <div class="side-foot wide-only"><${Foot} onHelp=${onHelp} /></div>
      </header>
      <main id="main" tabindex="-1"><${Banners} />${children}</main>
      <${Notice} />
      ${menu && html`<${Menu} links=${links.filter(({ more }) => more)} page=${page} onHelp=${onHelp}
        onClose=${() => this.setState({ menu: false })} />`}
    </div>`;
  }
}

// An ordinary link to #main would be a step to another page of ours.
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

const Menu = ({ links, page, onHelp, onClose }) => html`<${Dialog} title="More" onClose=${onClose}>
  <ul class="menu">
    ${links.map(({ page: name, text }) => html`<li>
      <a href=${href(name)} aria-current=${name === page ? "page" : null} onClick=${onClose}><${Icon}
        name=${name} />${text}</a>
    </li>`)}
  </ul>
  <div class="side-foot"><${Foot} onHelp=${() => { onClose(); onHelp(); }} /></div>
<//>`;

class Foot extends Live {
  sources() {
    return [connection, overview, theme, session];
  }

  shouldComponentUpdate() {
    const words = [connection.value, overview.value?.version, theme.value, session.value].join();
    return words !== this.words;
  }

  async leave() {
    try {
      await signOut();
    } catch (problem) {
      say(problem.message);
    }
  }

  render({ onHelp }) {
    this.words = [connection.value, overview.value?.version, theme.value, session.value].join();
    const words = { open: "Live", lost: "No connection", connecting: "Connecting" }[connection.value];
    return html`<p class="line" data-line=${connection.value}><span class="dot" aria-hidden="true"></span>${words}
        <span class="muted">${overview.value ? ` v${overview.value.version}` : ""}</span></p>
      ${session.value.keys_required &&
      html`<p class="who"><${Said} text=${session.value.name ?? session.value.role} most=${40} /> <span
        class="muted">${session.value.role}</span></p>`}
      <div class="foot-buttons">
        <button type="button" class="small" onClick=${nextTheme}>Theme: ${theme.value}</button>
        <button type="button" class="small" aria-label="Keyboard shortcuts" onClick=${onHelp}>?</button>
        ${session.value.keys_required && html`<button type="button" class="small"
          onClick=${() => this.leave()}>Sign out</button>`}
      </div>`;
  }
}

/** What everybody must know, whatever page is open. */
class Banners extends Live {
  sources() {
    return [connection, overview];
  }

  wordsNow() {
    const { store, late_loops: late = [] } = overview.value ?? {};
    this.version ??= overview.value?.version;
    const upgraded = overview.value && overview.value.version !== this.version;
    return {
      upgraded: upgraded ? overview.value.version : null,
      line: connection.value === "lost" ? "Gateway unreachable, trying again. What you see is from before." : null,
      store: store && !store.writable ? `The store takes no changes${store.reason ? `: ${store.reason}` : "."}` : null,
      late: late.length > 0 ? `Late inside the gateway: ${late.join(", ")}. See /readyz and its log.` : null,
    };
  }

  shouldComponentUpdate() {
    return JSON.stringify(this.wordsNow()) !== JSON.stringify(this.shown);
  }

  render() {
    this.shown = this.wordsNow();
    const { line, store, late, upgraded } = this.shown;
    return html`<div class="banners" aria-live="polite">
      ${line && html`<p class="banner" id="banner-line">${line}</p>`}
      ${upgraded && html`<p class="banner">The gateway is version ${upgraded} now. <button type="button"
        class="small" onClick=${() => location.reload()}>Load its page</button></p>`}
      ${store && html`<p class="banner bad"><${Said} text=${store} most=${400} /></p>`}
      ${late && html`<p class="banner"><${Said} text=${late} most=${400} /></p>`}
    </div>`;
  }
}

class Notice extends Live {
  sources() {
    return [notice];
  }

  render() {
    return html`<p class="notice" role="status" data-shown=${notice.value !== ""}>${notice.value}</p>`;
  }
}

// The page: who looks at it, which page of it is open, and what all of them share.
import { html, render, Live } from "./lib/html.js";
import { startLive, stopLive } from "./lib/live.js";
import { readSession, session } from "./lib/session.js";
import { route } from "./lib/router.js";
import { listenToKeys } from "./lib/keyboard.js";
import { Shell } from "./components/shell.js";
import { Login } from "./components/login.js";
import { Shortcuts } from "./components/shortcuts.js";

// Each page is loaded when it is first opened.
const PAGES = {
  now: () => import("./pages/now.js").then(({ Now }) => Now),
  tasks: () => import("./pages/tasks.js").then(({ Tasks }) => Tasks),
  "tasks/": () => import("./pages/task.js").then(({ Task }) => Task),
  hosts: () => import("./pages/hosts.js").then(({ Hosts }) => Hosts),
  "hosts/": () => import("./pages/host.js").then(({ Host }) => Host),
  models: () => import("./pages/models.js").then(({ Models }) => Models),
  keys: () => import("./pages/keys.js").then(({ Keys }) => Keys),
  settings: () => import("./pages/settings.js").then(({ Settings }) => Settings),
  try: () => import("./pages/try.js").then(({ Try }) => Try),
};
const MISSING = () => import("./pages/missing.js").then(({ Missing }) => Missing);
const AGAIN = 1000;
const SLOW = 1000;
const LATEST = 10_000;

class App extends Live {
  state = { waiting: null, shortcuts: false, loaded: {} };

  sources() {
    return [session, route];
  }

  componentDidMount() {
    super.componentDidMount();
    listenToKeys(() => this.setState({ shortcuts: true }));
    this.stops.push(
      session.listen(() => this.follow()),
      route.listen(() => this.load()),
    );
    this.begin();
    this.load();
  }

  // The first word; without it nothing can be shown.
  async begin() {
    const slow = setTimeout(() => this.setState({ waiting: "Waiting for the gateway …" }), SLOW);
    try {
      await readSession(AbortSignal.timeout(LATEST));
    } catch {
      this.setState({ waiting: "The gateway cannot be reached, trying again …" });
      setTimeout(() => this.begin(), AGAIN);
    } finally {
      clearTimeout(slow);
    }
  }

  nameOfPage() {
    const { page, id } = route.value;
    return id ? `${page}/` : page;
  }

  async load() {
    const name = this.nameOfPage();
    if (this.state.loaded[name]) {
      return;
    }
    try {
      const Page = await (Object.hasOwn(PAGES, name) ? PAGES[name] : MISSING)();
      this.setState(({ loaded }) => ({ loaded: { ...loaded, [name]: Page } }));
    } catch {
      setTimeout(() => this.load(), AGAIN); // The gateway is away; the banner says so.
    }
  }

  follow() {
    if (session.value.role) {
      startLive();
    } else {
      stopLive();
    }
  }

  render(_, { waiting, shortcuts, loaded }) {
    if (!session.value) {
      return waiting && html`<p class="alone" role="status">${waiting}</p>`;
    }
    if (!session.value.role) {
      return html`<${Login} />`;
    }
    const { page, id, query } = route.value;
    const Page = loaded[this.nameOfPage()];
    return html`<${Shell} page=${page} loaded=${Boolean(Page)} onHelp=${() => this.setState({ shortcuts: true })}>
      ${Page && html`<${Page} key=${`${page}/${id ?? ""}`} id=${id} query=${query} />`}
      ${shortcuts && html`<${Shortcuts} onClose=${() => this.setState({ shortcuts: false })} />`}
    <//>`;
  }
}

render(html`<${App} />`, document.getElementById("app"));

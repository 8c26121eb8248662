// Keys of clients, and tokens by which hosts join.
import { html, Component } from "../lib/html.js";
import { call, get } from "../lib/api.js";
import { isAdmin } from "../lib/session.js";
import { say } from "../lib/notice.js";
import { href } from "../lib/router.js";
import { exact, moment, number } from "../lib/format.js";
import { line } from "../lib/text.js";
import { Ago, Empty, Head, Reading, Said, Trouble } from "../components/bits.js";
import { FormDialog } from "../components/dialog.js";
import { Table } from "../components/table.js";
import { NewKey, EditKey } from "../components/key-forms.js";
import { AddHost } from "../components/add-host.js";
import { AdminsOnly } from "../components/admins-only.js";

export class Keys extends Component {
  state = { keys: null, tokens: null, problem: null, open: null };

  componentDidMount() {
    if (isAdmin()) {
      this.read();
    }
  }

  async read() {
    try {
      const [{ keys }, { tokens }] = await Promise.all([get("/v1/keys"), get("/v1/tokens")]);
      this.setState({ keys, tokens, problem: null });
    } catch (problem) {
      this.setState({ problem });
    }
  }

  async end(path, words) {
    await call("DELETE", path);
    this.setState({ open: null });
    say(words);
    await this.read();
  }

  dialog() {
    const { open } = this.state;
    const close = () => this.setState({ open: null });
    const made = () => this.read();
    switch (open?.what) {
      case "new-key":
        return html`<${NewKey} onClose=${close} onMade=${made} />`;
      case "edit-key":
        return html`<${EditKey} item=${open.item} onClose=${close} onMade=${made} />`;
      case "new-token":
        return html`<${AddHost} onClose=${close} onMade=${made} />`;
      case "end-key":
        return html`<${FormDialog} title="End this key?" action="End the key" danger onClose=${close}
          onSubmit=${() => this.end(`/v1/keys/${encodeURIComponent(open.item.id)}`, "The key has ended")}>
          <p>Whoever uses <strong><bdi>${line(open.item.name, 80)}</bdi></strong> (<span
            class="mono">${line(open.item.id, 60)}</span>)
            is refused from now on. This cannot be undone.</p>
        <//>`;
      case "end-token":
        return html`<${FormDialog} title="Revoke this token?" action="Revoke the token" danger onClose=${close}
          onSubmit=${() => this.end(`/v1/tokens/${encodeURIComponent(open.item.id)}`, "The token is revoked")}>
          <p>No more hosts join with <strong><bdi>${line(open.item.name ?? open.item.id, 80)}</bdi></strong>.
            Those that have joined stay.</p>
        <//>`;
      default:
        return null;
    }
  }

  render(_, { keys, tokens, problem }) {
    if (!isAdmin()) {
      return html`<${AdminsOnly} title="Keys" />`;
    }
    const open = (what, item) => this.setState({ open: { what, item } });
    return html`<${Head} title="Keys and tokens" />
      <${Trouble} problem=${problem} />
      ${problem && html`<p><button type="button" onClick=${() => this.read()}>Try again</button></p>`}
      ${!keys && !problem && html`<${Reading} />`}
      ${keys && html`<${KeyTable} keys=${keys} onOpen=${open} /><${TokenTable} tokens=${tokens} onOpen=${open} />`}
      ${this.dialog()}`;
  }
}

const KeyTable = ({ keys, onOpen }) => html`<section class="card" aria-labelledby="keys-title">
  <div class="card-head"><h2 id="keys-title">Keys of clients</h2>
    <button type="button" class="primary" onClick=${() => onOpen("new-key")}>New key</button></div>
  ${keys.length === 0
    ? html`<${Empty} title="No key yet."><p>While the gateway listens on loopback only it needs none.</p><//>`
    : html`<${Table} label="Keys of clients" columns=${keyColumns(onOpen)} rows=${keys} keyOf=${({ id }) => id} />`}
</section>`;

const named = (item) =>
  html`<${Said} text=${item.name ?? "–"} most=${80} /><div class="muted mono">${line(item.id, 60)}</div>`;

const keyColumns = (onOpen) => [
  { title: "Name", head: true, cell: named },
  { title: "Role", cell: ({ role }) => role },
  { title: "Limits", cell: limitsOf },
  {
    title: "Tasks",
    figure: true,
    tip: ({ usage }) => usage && `${exact(usage.completed)} completed, ${exact(usage.failed)} failed`,
    cell: ({ id, usage }) => html`<a href=${href("tasks", null, { owner: id })}>${number(usage?.tasks)}</a>
      ${usage?.failed > 0 && html`<div class="muted">${number(usage.failed)} failed</div>`}`,
  },
  {
    title: "Tokens in / out",
    figure: true,
    tip: ({ usage }) => usage && `${exact(usage.input_tokens)} in, ${exact(usage.output_tokens)} out`,
    cell: ({ usage }) => `${number(usage?.input_tokens)} / ${number(usage?.output_tokens)}`,
  },
  { title: "Used", cell: ({ usage }) => (usage?.last_used_at ? html`<${Ago} at=${usage.last_used_at} />` : "–") },
  { title: "Ends", cell: (key) => (key.expires_at ? moment(key.expires_at) : "never") },
  {
    title: "Actions",
    actions: true,
    cell: (key) => html`<button type="button" class="small" aria-label=${`Change the key ${line(key.name, 60)}`}
      onClick=${() => onOpen("edit-key", key)}>Change</button>
      <button type="button" class="small danger" aria-label=${`End the key ${line(key.name, 60)}`}
        onClick=${() => onOpen("end-key", key)}>End</button>`,
  },
];

const limitsOf = (key) =>
  [
    key.requests_per_minute && `${number(key.requests_per_minute)}/min`,
    key.max_running && `${number(key.max_running)} at once`,
  ]
    .filter(Boolean)
    .join(", ") || "none";

const TokenTable = ({ tokens, onOpen }) => html`<section class="card" aria-labelledby="tokens-title">
  <div class="card-head"><h2 id="tokens-title">Join tokens of hosts</h2>
    <button type="button" onClick=${() => onOpen("new-token")}>New token</button></div>
  ${tokens.length === 0
    ? html`<p class="quiet-line">None. A host beyond this machine needs one to join.</p>`
    : html`<${Table} label="Join tokens of hosts" columns=${tokenColumns(onOpen)} rows=${tokens}
      keyOf=${({ id }) => id} />`}
</section>`;

const tokenColumns = (onOpen) => [
  { title: "Name", head: true, cell: named },
  { title: "Trust", cell: ({ tier }) => tier },
  { title: "Hosts left", figure: true, cell: (token) => number(token.uses_left) },
  { title: "Only", cell: (token) =>
    html`<${Said}
      text=${[token.models?.join(", "), token.most_slots && `${token.most_slots} slots`].filter(Boolean).join("; ") || "–"} />` },
  { title: "Ends", cell: (token) => moment(token.expires_at) },
  {
    title: "Actions",
    actions: true,
    cell: (token) => html`<button type="button" class="small danger"
      aria-label=${`Revoke the token ${line(token.name ?? token.id, 60)}`}
      onClick=${() => onOpen("end-token", token)}>Revoke</button>`,
  },
];

import { html, Component } from "../lib/html.js";
import { call, post } from "../lib/api.js";
import { say } from "../lib/notice.js";
import { Choice, Dialog, FormDialog, Input, numberOf } from "./dialog.js";
import { Command } from "./bits.js";

const DAY = 86_400;
const ENDS = [
  ["", "never"],
  [String(DAY), "in a day"],
  [String(30 * DAY), "in 30 days"],
  [String(365 * DAY), "in a year"],
];
const ROLES = [
  ["client", "client: asks, and sees its own tasks"],
  ["viewer", "viewer: looks at this page, changes nothing"],
  ["admin", "admin: everything"],
];

const Limits = ({ item }) => html`
  <${Input} name="requests_per_minute" label="Requests a minute" type="number" min="1" placeholder="no limit"
    value=${item?.requests_per_minute ?? ""} />
  <${Input} name="max_running" label="Tasks at the same time" type="number" min="1" placeholder="no limit"
    value=${item?.max_running ?? ""} />`;

/** Makes a key and shows its secret, once. */
export class NewKey extends Component {
  state = { made: null };

  async create(form) {
    const made = await post("/v1/keys", {
      name: form.get("name").trim(),
      role: form.get("role"),
      requests_per_minute: numberOf(form, "requests_per_minute") ?? undefined,
      max_running: numberOf(form, "max_running") ?? undefined,
      expires_in: form.get("expires_in") ? Number(form.get("expires_in")) : undefined,
    });
    this.setState({ made });
    this.props.onMade();
  }

  render({ onClose }, { made }) {
    if (made) {
      return html`<${Dialog} title="The new key" onClose=${onClose} wide>
        <p>Copy it now: it is shown this once, and kept as a hash.</p>
        <${Command} text=${made.key} label="Key" />
        <div class="dialog-foot"><button type="button" class="primary" onClick=${onClose}>Done</button></div>
      <//>`;
    }
    return html`<${FormDialog} title="New key" action="Make the key" onSubmit=${(form) => this.create(form)}
      onClose=${onClose}>
      <div class="fields">
        <${Input} name="name" label="Name" required maxlength="100" autofocus />
        <${Choice} name="role" label="Role" options=${ROLES} value="client" />
        <${Limits} />
        <${Choice} name="expires_in" label="Ends" options=${ENDS} value="" />
      </div>
    <//>`;
  }
}

/** Changes a key's name and limits. */
export const EditKey = ({ item, onClose, onMade }) => {
  const change = async (form) => {
    await call("PATCH", `/v1/keys/${encodeURIComponent(item.id)}`, {
      name: form.get("name").trim(),
      requests_per_minute: numberOf(form, "requests_per_minute"),
      max_running: numberOf(form, "max_running"),
    });
    say("Changed");
    onClose();
    onMade();
  };
  return html`<${FormDialog} title="Change the key" action="Change" onSubmit=${change} onClose=${onClose}>
    <div class="fields">
      <${Input} name="name" label="Name" required maxlength="100" value=${item.name} />
      <${Limits} item=${item} />
    </div>
  <//>`;
};

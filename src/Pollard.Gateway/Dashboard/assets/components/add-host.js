import { html, Component } from "../lib/html.js";
import { post } from "../lib/api.js";
import { count, moment } from "../lib/format.js";
import { Choice, Dialog, FormDialog, Input, numberOf } from "./dialog.js";
import { Command } from "./bits.js";
import { quote } from "../lib/curl.js";

const HOUR = 3600;
const TIMES = [
  [String(HOUR), "an hour"],
  [String(24 * HOUR), "a day"],
  [String(7 * 24 * HOUR), "a week"],
  [String(30 * 24 * HOUR), "30 days"],
];

const TIERS = [
  ["own", "own: a machine of yours"],
  ["trusted", "trusted: of somebody you know"],
  ["community", "community: of anybody"],
];

/** Makes a join token and shows, once, the line that uses it. */
export class AddHost extends Component {
  state = { token: null };

  async create(form) {
    const models = form.get("models").split(/[\s,]+/).filter(Boolean);
    const token = await post("/v1/tokens", {
      name: form.get("name").trim() || undefined,
      uses: numberOf(form, "uses") ?? undefined,
      expires_in: Number(form.get("expires_in")),
      tier: form.get("tier"),
      most_slots: numberOf(form, "most_slots") ?? undefined,
      models: models.length > 0 ? models : undefined,
    });
    this.setState({ token });
    this.props.onMade?.();
  }

  render({ onClose }, { token }) {
    if (token) {
      return html`<${Dialog} title="Start the agent" onClose=${onClose} wide>
        <p>On the machine that has the models. The token is shown this once; it lets in${" "}
          ${count(token.uses_left, "host")} until ${moment(token.expires_at)}.</p>
        <${Command} text=${`pollard agent --gateway ${location.origin} --join ${quote(token.token)}`}
          label="Start an agent" />
        <div class="dialog-foot"><button type="button" class="primary" onClick=${onClose}>Done</button></div>
      <//>`;
    }
    return html`<${FormDialog} title="Add a host" action="Make the token" onSubmit=${(form) => this.create(form)}
      onClose=${onClose}>
      <div class="fields">
        <${Input} name="name" label="Name" hint="What you call it, for the list of tokens."
          maxlength="100" autofocus />
        <${Input} name="uses" label="Hosts that may join" type="number" min="1" max="10000" value="1" />
        <${Choice} name="expires_in" label="Good for" options=${TIMES} value=${String(24 * HOUR)} />
        <${Choice} name="tier" label="Trust" options=${TIERS} value="trusted" />
        <${Input} name="most_slots" label="Most slots of each" type="number" min="1" max="1024"
          placeholder="as many as it says" />
        <${Input} name="models" label="Only these models" placeholder="all"
          hint="Names with a space between; * stands for any text." />
      </div>
    <//>`;
  }
}

import { html, Live } from "../lib/html.js";
import { hostNames, nameOfHost } from "../lib/host-names.js";
import { href } from "../lib/router.js";
import { Said } from "./bits.js";

/** A host by its name, of which the id is all that is known; drawn again when the name comes. */
export class HostName extends Live {
  sources() {
    return [hostNames];
  }

  shouldComponentUpdate({ id }) {
    return id !== this.props.id || nameOfHost(id) !== this.shown;
  }

  render({ id, most = 60 }) {
    this.shown = nameOfHost(id);
    return html`<${Said} text=${this.shown} most=${most} />`;
  }
}

/** The same as a link to the host's page. */
export const HostLink = ({ id }) => html`<a href=${href("hosts", id)}><${HostName} id=${id} /></a>`;

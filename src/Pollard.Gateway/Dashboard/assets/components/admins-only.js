import { html } from "../lib/html.js";
import { Empty, Head } from "./bits.js";

/** In place of a page that a viewer has not. */
export const AdminsOnly = ({ title }) => html`<${Head} title=${title} />
  <${Empty} title="This needs an admin's key."><p>You are signed in to look. Sign out and come back with an admin's key.</p><//>`;

import { html } from "../lib/html.js";
import { Empty, Head } from "../components/bits.js";

/** For addresses that lead nowhere. */
export const Missing = () => html`<${Head} title="No such page" />
  <${Empty} title="There is no page at this address."><p><a href="#/now">Go to Now</a></p><//>`;

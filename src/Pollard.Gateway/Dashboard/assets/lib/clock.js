// The gateway's clock, and a tick each second for what shows elapsed time.
import { Source } from "./source.js";

let ahead = 0; // Milliseconds that the gateway's clock is ahead of ours.

/** Changes once a second while the page can be seen. */
export const tick = new Source(0);

/** Now, on the gateway's clock. */
export const now = () => Date.now() + ahead;

/** Takes the gateway's word for what time it is. */
export function setClock(iso) {
  const differs = Date.parse(iso) - Date.now();
  // Less is the way of the message; following it would make times jump.
  if (Math.abs(differs - ahead) > 2000) {
    ahead = differs;
  }
}

/** Seconds since a moment as the API writes it. */
export const since = (iso) => (now() - Date.parse(iso)) / 1000;

setInterval(() => {
  if (!document.hidden) {
    tick.set(tick.value + 1);
  }
}, 1000);

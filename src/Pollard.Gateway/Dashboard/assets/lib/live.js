// What the gateway says once a second: the overview, and the tasks that changed.
import { setClock } from "./clock.js";
import { Source } from "./source.js";
import { Stream } from "./stream.js";

/** The last overview; null before the first. */
export const overview = new Source(null);

/** "connecting", "open" or "lost". */
export const connection = new Source("connecting");

/** Grows each time that the stream begins: what happened in between was not heard, so lists read themselves anew. */
export const beginnings = new Source(0);

/** The last word on changed tasks: { tasks, more }. */
export const changedTasks = new Source(null);

const stream = new Stream({
  address: () => "/v1/overview/events",
  handlers: {
    overview: take,
    tasks: (changed) => changedTasks.set(changed),
  },
  changed: (state) => {
    connection.set(state);
    if (state === "open") {
      beginnings.set(beginnings.value + 1);
    }
  },
  quietMost: 30_000, // The gateway speaks every 10 seconds at least.
});

/** Takes an overview, wherever it came from. */
export function take(document) {
  setClock(document.now);
  overview.set(document);
}

export const startLive = () => stream.start();
export const stopLive = () => stream.stop();

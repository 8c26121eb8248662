// Follows the log of one task: what is there already in pages, what comes as a stream.
import { get } from "./api.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";

const MOST_PAGES = 200; // Of 1,000 events or 1 MB each.
const NAMES = [
  "submitted",
  "leased",
  "delta",
  "phase",
  "usage",
  "lost",
  "redispatched",
  "interrupted",
  "continued",
  "completed",
  "failed",
  "timeout",
  "cancelled",
  "answered",
  "validation",
  "input_needed",
  "input",
  "retried",
];

export class TaskEvents {
  timeline = new Timeline();
  problem = null;
  truncated = false;
  #stream = null;
  #stopped = false;

  /** happened is told of each event that is no output; drawn after anything changed; line "open" or "lost". */
  constructor(id, { happened, drawn, line }) {
    Object.assign(this, { path: `/v1/tasks/${encodeURIComponent(id)}/events`, happened, drawn, line });
  }

  async start() {
    try {
      await this.#readPages();
    } catch (problem) {
      this.problem = problem;
    }
    this.drawn();
    if (!this.#stopped && !this.timeline.final && !this.problem && !this.truncated) {
      this.follow();
    }
  }

  /** Opens the stream from where the timeline is. */
  follow() {
    if (this.#stream || this.#stopped) {
      return;
    }
    const take = (event) => this.#take(event);
    this.#stream = new Stream({
      address: () => `${this.path}?after=${this.timeline.last}`,
      handlers: Object.fromEntries(NAMES.map((name) => [name, take])),
      changed: this.line,
    });
    this.#stream.start();
  }

  stop() {
    this.#stopped = true;
    this.#end();
  }

  async #readPages() {
    for (let pages = 0; !this.#stopped; pages++) {
      const { events, final } = await get(`${this.path}?after=${this.timeline.last}`);
      events.forEach((event) => this.timeline.add(event));
      if (final || events.length === 0) {
        return;
      }
      if (pages === MOST_PAGES) {
        this.truncated = true;
        return;
      }
    }
  }

  #take(event) {
    if (!this.timeline.add(event)) {
      return;
    }
    if (event.type !== "delta" && event.type !== "phase") {
      this.happened(event);
    }
    if (this.timeline.final) {
      this.#end(); // The gateway closes now, and nothing is wrong with that.
    }
    this.drawn();
  }

  #end() {
    this.#stream?.stop();
    this.#stream = null;
  }
}

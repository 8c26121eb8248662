// A stream of server-sent events that comes back by itself.
import { readSession } from "./session.js";

const FIRST_WAIT = 500;
const LONGEST_WAIT = 8000;

/** One EventSource at a time, opened anew after a break, closed while nobody sees the page. */
export class Stream {
  #source = null;
  #timer = null;
  #failures = 0;
  #running = false;
  #quiet = null;

  /**
   * @param {() => string} address where to connect; asked each time, so that a stream can go on where it was.
   * @param handlers by the name of the event; each gets its data as JSON.
   * @param changed is told "open" and "lost".
   * @param quietMost milliseconds without an event after which the line counts as dead; absent: as long as it likes.
   */
  constructor({ address, handlers, changed = () => {}, quietMost = null }) {
    Object.assign(this, { address, handlers, changed, quietMost });
    this.visibility = () => (document.hidden ? this.#close() : this.#open());
  }

  start() {
    if (this.#running) {
      return;
    }
    this.#running = true;
    document.addEventListener("visibilitychange", this.visibility);
    this.#open();
  }

  stop() {
    this.#running = false;
    document.removeEventListener("visibilitychange", this.visibility);
    this.#close();
  }

  #open() {
    if (!this.#running || this.#source || document.hidden) {
      return;
    }
    clearTimeout(this.#timer);
    const source = new EventSource(this.address());
    this.#source = source;
    source.onopen = () => {
      this.#failures = 0;
      this.changed("open");
    };
    source.onerror = () => this.#lost();
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (event) => {
        this.#watch();
        handle(JSON.parse(event.data));
      });
    }
    this.#watch();
  }

  #close() {
    clearTimeout(this.#timer);
    clearTimeout(this.#quiet);
    this.#source?.close();
    this.#source = null;
  }

  #watch() {
    if (this.quietMost) {
      clearTimeout(this.#quiet);
      this.#quiet = setTimeout(() => this.#lost(), this.quietMost);
    }
  }

  // The browser's own way to come back knows no 401 and no back-off.
  #lost() {
    this.#close();
    this.changed("lost");
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures++);
    this.#timer = setTimeout(() => this.#comeBack(), wait * (0.75 + Math.random() / 2));
  }

  // An EventSource does not say why it was refused, so the session is asked first: it tells a 401 from a gateway that is away.
  async #comeBack() {
    try {
      const { role } = await readSession();
      if (role && this.#running) {
        this.#open();
      }
    } catch {
      if (this.#running && !document.hidden) {
        this.#lost();
      }
    }
  }
}

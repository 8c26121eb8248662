// The tasks that a list shows: read page by page, kept fresh by what the gateway says has changed.
import { get } from "./api.js";

const PAGE = 200;
const MOST_ROWS = 20_000;

/** Tasks by a filter { state, kind, model, owner, label }, newest first. */
export class TaskList {
  rows = [];
  problem = null;
  ended = false; // True when the oldest that there is has been read.
  #byId = new Map();
  #next = null;
  #reading = null;

  constructor(filter, changed) {
    this.filter = filter;
    this.changed = changed;
  }

  /** True while a page is being read. */
  get reading() {
    return this.#reading !== null;
  }

  /** True when there are more than one list may hold. */
  get full() {
    return this.rows.length >= MOST_ROWS;
  }

  stop() {
    this.#reading?.abort();
    this.changed = () => {};
  }

  /** Reads the next page, unless one is being read or there is none. */
  async more() {
    if (this.#reading || this.ended || this.full || this.problem) {
      return;
    }
    await this.#read(this.#next, (page) => {
      this.#put(page.tasks);
      this.#next = page.next ?? null;
      this.ended = !page.next;
    });
  }

  /** Reads the newest page again, for what came and changed unheard; where that does not reach what is known, the list begins anew. */
  async again() {
    this.problem = null;
    this.#reading?.abort();
    await this.#read(null, (page) => {
      const meets = page.tasks.some(({ id }) => this.#byId.has(id));
      // Of one state, those that left it are in no page, so only a new beginning shows that.
      if (!meets || !page.next || this.filter.state) {
        this.rows = [];
        this.#byId.clear();
      }
      if (this.rows.length === 0) {
        this.#next = page.next ?? null;
        this.ended = !page.next;
      }
      this.#put(page.tasks);
    });
    await this.#againUnended();
  }

  /** Takes the gateway's word on tasks that changed. */
  take(tasks) {
    this.#put(tasks.filter((task) => this.#byId.has(task.id) || this.#isNewer(task)));
    this.changed();
  }

  async #read(before, then) {
    const reading = new AbortController();
    this.#reading = reading;
    this.changed();
    const query = new URLSearchParams(Object.entries(this.filter).filter(([, value]) => value));
    query.set("limit", PAGE);
    if (before) {
      query.set("before", before);
    }
    try {
      then(await get(`/v1/tasks?${query}`, { signal: reading.signal }));
      this.problem = null;
    } catch (problem) {
      if (problem.name !== "AbortError") {
        this.problem = problem;
      }
    } finally {
      if (this.#reading === reading) {
        this.#reading = null;
        this.changed();
      }
    }
  }

  // Older rows that had not ended may have done so unheard. There are few, and each says it itself.
  async #againUnended() {
    const old = this.rows.slice(PAGE).filter(({ final }) => !final);
    for (const { id } of old.slice(0, 50)) {
      try {
        this.#put([await get(`/v1/tasks/${encodeURIComponent(id)}`)]);
      } catch {
        return; // The next beginning asks again.
      }
    }
    if (old.length > 0) {
      this.changed();
    }
  }

  // Older ones come with their page; a list that is read to its end has no more pages to wait for.
  #isNewer(task) {
    return this.#fits(task) && (this.ended || this.rows.length === 0 || task.created_at >= this.rows.at(-1).created_at);
  }

  #fits({ state, kind, model, owner }) {
    const want = this.filter;
    // A row that came unasked does not say its labels.
    return (
      !want.label &&
      (!want.state || want.state === state) &&
      (!want.kind || want.kind === kind) &&
      (!want.model || want.model === model) &&
      (!want.owner || want.owner === owner)
    );
  }

  #put(tasks) {
    let sorted = true;
    const rows = this.rows.slice();
    const gone = new Set();
    const places = new Map(rows.map((row, index) => [row.id, index]));
    for (const task of tasks) {
      const place = places.get(task.id);
      const known = this.#byId.get(task.id);
      if (known && known.version > task.version) {
        continue;
      }
      if (place === undefined) {
        rows.push(task);
        places.set(task.id, rows.length - 1);
        sorted = false;
      } else if (!this.filter.state || this.filter.state === task.state) {
        rows[place] = task;
      } else {
        gone.add(task.id); // It has left the state that is asked for.
        continue;
      }
      this.#byId.set(task.id, task);
    }
    const kept = gone.size > 0 ? rows.filter(({ id }) => !gone.has(id)) : rows;
    this.rows = sorted ? kept : kept.sort(newestFirst);
    const cut = this.rows.splice(MOST_ROWS);
    this.ended &&= cut.length === 0;
    [...gone, ...cut.map(({ id }) => id)].forEach((id) => this.#byId.delete(id));
  }
}

const newestFirst = (a, b) =>
  a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : a.id < b.id ? 1 : a.id > b.id ? -1 : 0;

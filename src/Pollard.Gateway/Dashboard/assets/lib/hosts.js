// All hosts, read anew when the overview says that one of them changed, while a page shows them.
import { get } from "./api.js";
import { overview } from "./live.js";
import { learnHosts } from "./host-names.js";
import { Source } from "./source.js";

const SHORTEST_GAP = 2000;
const RUNNING_GAP = 10_000; // Who runs how much changes all the time, and is not worth the whole list each time.
const MOST_PAGES = 10; // Of 1,000 hosts each.

/** { hosts, total } as they were last read; null before. */
export const hosts = new Source(null);

/** Why they could not be read; null when they could. */
export const hostsProblem = new Source(null);

let read = {};
let readAt = -RUNNING_GAP;
let reading = false;
let timer = null;

// After a restart versions begin anew, so both say which state was read.
const stateOf = (document) => ({
  version: document && `${document.instance}/${document.hosts.version}`,
  running: document?.hosts.running,
});

/** Reads the hosts when they are not what the overview speaks of; soon, not at once, when they were read just now. */
export function refreshHosts(always = false) {
  if (always) {
    read = {};
  }
  const { version, running } = stateOf(overview.value);
  const changed = !hosts.value || version !== read.version;
  if (reading || timer || document.hidden || (!changed && running === read.running)) {
    return;
  }
  const wait = readAt + (changed ? SHORTEST_GAP : RUNNING_GAP) - performance.now();
  if (wait > 0 && !changed) {
    return; // The next overview asks again.
  }
  timer = setTimeout(
    () => {
      timer = null;
      readAll(stateOf(overview.value));
    },
    Math.max(0, wait),
  );
}

async function readAll(state) {
  reading = true;
  readAt = performance.now();
  try {
    const all = [];
    let page = null;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      page = await get(`/v1/hosts?limit=1000${page ? `&after=${encodeURIComponent(page.next)}` : ""}`);
      all.push(...page.hosts);
      if (!page.next) {
        break;
      }
    }
    read = state;
    learnHosts(all);
    hosts.set({ hosts: all, total: page.total });
    hostsProblem.set(null);
  } catch (problem) {
    hostsProblem.set(problem);
  } finally {
    reading = false;
  }
}

/** Keeps the hosts fresh until what comes back is called. */
export function followHosts() {
  refreshHosts();
  return overview.listen(() => refreshHosts());
}

// What people call the hosts that tasks name by their ids.
import { get } from "./api.js";
import { Source } from "./source.js";

const SHORTEST_GAP = 5000;

/** Changes when names became known. */
export const hostNames = new Source(new Map());

const asked = new Set(); // Ids are asked for once: one that is gone has no name any more.
let reading = null;
let readAt = -SHORTEST_GAP;

/** The name of a host, or its id as long as that is all that is known. */
export function nameOfHost(id) {
  const name = hostNames.value.get(id);
  if (name === undefined && id && !asked.has(id)) {
    asked.add(id);
    readSoon();
  }
  return name ?? id;
}

/** Takes names that were read anyway. */
export function learnHosts(hosts) {
  const news = hosts.filter(({ id, name }) => hostNames.value.get(id) !== name);
  if (news.length > 0) {
    hostNames.set(new Map([...hostNames.value, ...news.map(({ id, name }) => [id, name])]));
  }
}

// Many unknown ids at once are one reading.
function readSoon() {
  reading ??= setTimeout(
    async () => {
      reading = null;
      readAt = performance.now();
      try {
        learnHosts((await get("/v1/hosts?limit=1000")).hosts);
      } catch {
        asked.clear(); // Asked again when they are drawn again.
      }
    },
    Math.max(0, readAt + SHORTEST_GAP - performance.now()),
  );
}

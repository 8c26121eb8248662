// Pages by the fragment of the address: #/tasks/ID?state=failed.
import { Source } from "./source.js";

const read = () => {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/");
  return {
    page: page || "now",
    id: rest.length > 0 ? decode(rest.join("/")) : null,
    query: new URLSearchParams(query),
  };
};

// A fragment that somebody typed may be no valid escape.
const decode = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Where the page is: { page, id, query }. */
export const route = new Source(read());

addEventListener("hashchange", () => route.set(read()));

/** The address of a page, or of one thing on it. */
export const href = (page, id, query) => {
  const parameters = new URLSearchParams(Object.entries(query ?? {}).filter(([, value]) => value)).toString();
  return `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}${parameters ? `?${parameters}` : ""}`;
};

export const go = (page, id, query) => {
  location.hash = href(page, id, query);
};

/** Changes the query of the page without a step in the browser's history. */
export const setQuery = (query) => {
  history.replaceState(null, "", href(route.value.page, route.value.id, query));
  route.set(read());
};

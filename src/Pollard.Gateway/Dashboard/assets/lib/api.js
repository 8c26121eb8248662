// Calls of the gateway's API.

/** Why a call failed, in the words of the gateway's problem document. */
export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

let signedOut = () => {};

/** Says what happens when a call comes back as a 401. */
export const onSignedOut = (then) => {
  signedOut = then;
};

/**
 * Calls the API.
 * @returns what was answered, as JSON; null for an empty answer.
 * @throws {Problem} of status 0 when the gateway cannot be reached.
 */
export async function call(method, path, body, options = {}) {
  const reply = await send(method, path, body, options);
  const text = await reply.text();
  return text === "" ? null : JSON.parse(text);
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body ?? {}, options);

/** The same, but gives back the response, whose body is not read yet. */
export async function send(method, path, body, { signal, accept = "application/json", keep401 = false } = {}) {
  const headers = { Accept: accept };
  if (method !== "GET") {
    headers["X-Pollard-Csrf"] = "1"; // No page of another origin can set it.
  }
  if (body !== undefined) {
    headers["Content-Type"] = "application/json";
  }
  let reply;
  try {
    reply = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  } catch (error) {
    throw error.name === "AbortError"
      ? error
      : new Problem(0, "The gateway cannot be reached", "It may be starting anew. Try again in a moment.");
  }
  if (reply.ok) {
    return reply;
  }
  const problem = await problemOf(reply);
  if (reply.status === 401 && !keep401) {
    signedOut();
  }
  throw problem;
}

// Problem documents at our own doors; OpenAI's door has { error: { message } }.
async function problemOf(reply) {
  let said = {};
  try {
    said = JSON.parse(await reply.text());
  } catch {
    // A proxy's page, or nothing: the status has to do.
  }
  const error = typeof said.error === "object" && said.error ? said.error : said;
  const title = error.title ?? `The gateway answered ${reply.status}`;
  return new Problem(
    reply.status,
    title,
    error.detail ?? error.message ?? (typeof said.error === "string" ? said.error : null),
  );
}

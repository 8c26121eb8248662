// The gateway as its clients know it, beside the page.

/** Calls the API; the answer as JSON. */
export async function api(url, path, { method = "GET", body, key, headers } = {}) {
  const reply = await fetch(`${url}${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      ...(key ? { Authorization: `Bearer ${key}` } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await reply.text();
  if (!reply.ok) {
    throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  }
  return text === "" ? null : JSON.parse(text);
}

/** Submits a chat as a durable task; its id. */
export async function submit(url, { model, text = "Tell me about rivers.", key, request, ...rest }) {
  const body = {
    kind: "chat",
    model,
    request: { messages: [{ role: "user", content: text }], stream: true, ...request },
    ...rest,
  };
  return (await api(url, "/v1/tasks", { method: "POST", body, key })).id;
}

/** The task when it has ended. */
export const ended = (url, id, key) => api(url, `/v1/tasks/${id}/wait?timeout=60`, { key });

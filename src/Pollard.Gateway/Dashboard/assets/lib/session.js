// Who looks at this page.
import { call, onSignedOut, post } from "./api.js";
import { Source } from "./source.js";

/** The document of /v1/session; null until it was read. */
export const session = new Source(null);

onSignedOut(() => session.value && session.set({ ...session.value, role: null }));

/** Reads it anew; throws when the gateway cannot be reached, or not in time. */
export async function readSession(signal) {
  const read = await call("GET", "/v1/session", undefined, { signal });
  const known = session.value;
  if (!known || known.role !== read.role || known.name !== read.name || known.keys_required !== read.keys_required) {
    session.set(read);
  }
  return session.value;
}

export async function signIn(key) {
  session.set(await post("/v1/session", { key }, { keep401: true }));
}

export async function signOut() {
  await call("DELETE", "/v1/session");
  session.set({ ...session.value, role: null });
}

/** True for who may change things and read contents. */
export const isAdmin = () => session.value?.role === "admin";

// A chat as a command for a shell.
import { session } from "./session.js";
import { jsonText } from "./text.js";

/** A word that every POSIX shell takes as it is. */
export const quote = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** The curl line that asks this; where keys are needed, the key is taken from the shell's environment. */
export function curlOf(body) {
  const lines = [`curl -N ${quote(`${location.origin}/v1/chat/completions`)}`];
  if (session.value.keys_required) {
    lines.push('-H "Authorization: Bearer $POLLARD_KEY"');
  }
  lines.push("-H 'Content-Type: application/json'", `-d ${quote(jsonText(body))}`);
  return lines.join(" \\\n  ");
}

/** The line for who has not asked anything yet. */
export const firstCall = () => curlOf({ model: "MODEL", messages: [{ role: "user", content: "Say hello." }] });

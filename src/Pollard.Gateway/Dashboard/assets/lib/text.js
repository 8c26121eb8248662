// What hosts and clients wrote is shown as text, with every character visible that could hide or reorder others.

// C0 but tab and line feed, DEL, C1, the marks and overrides of direction, line and paragraph separators, the byte order mark.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;
const BREAKS = /[\t\n]/g;

const escapeOf = (character) => {
  const code = character.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
};

/** The text with its hidden characters as escapes; tabs and line breaks stay. */
export const visible = (text) => String(text ?? "").replace(HIDDEN, escapeOf);

/** The same in one line, cut to a length. */
export function line(text, most = 200) {
  const whole = String(text ?? "");
  // Cut first: of a megabyte only the beginning is looked at.
  const start = whole.length > most ? `${wholeCharacters(whole, most)}…` : whole;
  return visible(start).replace(BREAKS, " ");
}

/** The end of a text in one line. */
export function lineEnd(text, most = 200) {
  const whole = String(text ?? "");
  return whole.length > most ? `…${line(whole.slice(-most), most)}` : line(whole, most);
}

/** JSON for people, its hidden characters as escapes of JSON, so that it stays the same document. */
export const jsonText = (value, indent = 2) =>
  (JSON.stringify(value, null, indent) ?? "").replace(
    HIDDEN,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

// The first characters, no surrogate pair cut in two.
function wholeCharacters(text, count) {
  const last = text.charCodeAt(count - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? count - 1 : count);
}

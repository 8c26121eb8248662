// A short word on what just happened, shown for a while and read out by screen readers.
import { Source } from "./source.js";

const SHOWN = 4000;
let timer = null;

export const notice = new Source("");

export function say(text) {
  clearTimeout(timer);
  notice.set(text);
  timer = setTimeout(() => notice.set(""), SHOWN);
}

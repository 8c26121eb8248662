// Light, dark, or as the system has it. theme.js in the head applies the choice before the first paint.
import { Source } from "./source.js";

const NEXT = { system: "light", light: "dark", dark: "system" };

export const theme = new Source(document.documentElement.dataset.theme ?? "system");

export function nextTheme() {
  const chosen = NEXT[theme.value];
  if (chosen === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = chosen;
  }
  try {
    localStorage.setItem("pollard.theme", chosen);
  } catch {
    // It holds until the page is left, then.
  }
  theme.set(chosen);
}

// Numbers, durations and moments as people read them.

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/** 950, 1.2k, 3.4M; a dash for what is not known. */
export function number(value) {
  if (value == null) {
    return "–";
  }
  return Math.abs(value) < 10 && !Number.isInteger(value)
    ? value.toFixed(1)
    : compact.format(Math.abs(value) < 1000 ? Math.round(value) : value).replace("K", "k");
}

/** The same value with all its digits, for titles. */
export const exact = (value) => (value == null ? "not known" : whole.format(value));

/** "3 hosts", "1 host". */
export const count = (value, noun, nouns = `${noun}s`) => `${number(value)} ${value === 1 ? noun : nouns}`;

/** 40ms, 0.4s, 12s, 3m 4s, 2h 5m, 3d 4h. */
export function duration(seconds) {
  if (seconds == null || Number.isNaN(seconds)) {
    return "–";
  }
  const value = Math.max(0, seconds);
  if (value < 9.95 && !Number.isInteger(value)) {
    return value < 0.0995 ? `${Math.round(value * 1000)}ms` : `${value.toFixed(1)}s`;
  }
  const all = Math.round(value);
  const [days, hours, minutes] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60];
  const parts = [
    [days, "d"],
    [hours, "h"],
    [minutes, "m"],
    [all % 60, "s"],
  ];
  const first = parts.findIndex(([part]) => part > 0);
  return first < 0
    ? "0s"
    : parts
        .slice(first, first + 2)
        .filter(([part]) => part > 0)
        .map(([part, unit]) => part + unit)
        .join(" ");
}

/** Seconds between two moments as the API writes them. */
export const between = (from, to) => (from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null);

/** A moment, in the clock of the reader. */
export const moment = (iso) => (iso ? new Date(iso).toLocaleString() : "");

/** The time of the day. */
export const clockTime = (iso) => new Date(iso).toLocaleTimeString(undefined, { hour12: false });

/** 43.1 tok/s. */
export const speed = (value) => (value == null ? "–" : `${number(value)} tok/s`);

/** 87%. */
export const percent = (value) => (value == null ? "–" : `${Math.round(value)}%`);

/** 4.1 GB. */
export function bytes(value) {
  if (value == null) {
    return "–";
  }
  const units = ["B", "KB", "MB", "GB", "TB"];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const scaled = value / 1000 ** step;
  return `${step === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[step]}`;
}

/** The tokens that a usage in OpenAI's shape counts. */
export const tokensOf = (usage) => ({
  input: usage?.prompt_tokens ?? usage?.input_tokens ?? null,
  output: usage?.completion_tokens ?? usage?.output_tokens ?? null,
});

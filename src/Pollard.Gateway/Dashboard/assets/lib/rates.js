// How fast hosts write, as it was measured. Of other kinds of work tokens a second say nothing to people.
const WRITTEN = ["chat", "completion"];

/** The speeds of a host's models in tokens a second; of one model where it is named. */
export const speedsOf = ({ rates }, model) =>
  (rates ?? [])
    .filter((rate) => WRITTEN.includes(rate.kind) && (model === undefined || rate.model === model))
    .map((rate) => rate.tokens_per_second)
    .filter(Boolean);

/** The highest of some speeds; null of none. */
export const fastest = (speeds) => (speeds.length > 0 ? Math.max(...speeds) : null);

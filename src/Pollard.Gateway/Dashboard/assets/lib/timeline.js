// What a task's events tell: its timeline with output folded, its attempts, and the text so far.

/** What an event says in a line; data is what came with it: nothing, where a viewer may not read it. */
const SAYS = {
  submitted: () => "Accepted",
  leased: (data) => `Given to a host, attempt ${data.attempt}`,
  continued: (data) => `Goes on at another host, attempt ${data.attempt}${data.mode ? ` (${data.mode})` : ""}`,
  interrupted: () => "Interrupted; what came before stands",
  lost: () => "Attempt lost",
  redispatched: () => "Back in the queue; the output so far is void",
  retried: () => "Started over",
  answered: () => "Answered; the answer is checked",
  input_needed: () => "A person is asked",
  input: (data) => (data.action ? `A person said: ${data.action}` : "A person said what becomes of it"),
  validation: (data) =>
    data.verdicts === undefined
      ? "The answer was checked"
      : `Checks of answer ${data.attempt} of ${data.max_attempts}: ${data.valid ? "passed" : "not passed"}`,
  usage: () => "Tokens counted",
  completed: () => "Completed",
  failed: () => "Failed",
  timeout: () => "Timed out",
  cancelled: () => "Cancelled",
};

const TONES = {
  completed: "good",
  failed: "bad",
  timeout: "bad",
  lost: "bad",
  interrupted: "warn",
  cancelled: "warn",
  input_needed: "warn",
  redispatched: "warn",
};

const ENDS = ["completed", "failed", "timeout", "cancelled"];

export class Timeline {
  items = [];
  attempts = [];
  text = "";
  reasoning = "";
  epoch = 0; // Grows when the text begins anew.
  last = -1;
  final = false;
  phase = null;
  verdicts = [];
  asked = null; // Why a person is asked.

  /** Takes the next event; false for one that was seen. */
  add(event) {
    if (event.seq <= this.last) {
      return false;
    }
    this.last = event.seq;
    if (event.type === "delta") {
      this.#output(event);
    } else {
      this.#happened(event, event.data ?? {});
    }
    return true;
  }

  #output(event) {
    const piece = event.text ?? "";
    const size = event.bytes ?? piece.length; // A viewer is told of bytes only.
    if ((event.choice ?? 0) === 0) {
      if (event.kind === "content" || event.kind === "body") {
        this.text += piece;
      } else if (event.kind === "reasoning") {
        this.reasoning += piece;
      }
    }
    const attempt = this.attempts.at(-1);
    if (attempt) {
      attempt.pieces++;
    }
    const folded = this.items.at(-1);
    if (folded?.fold === event.kind) {
      folded.pieces++;
      folded.size += size;
      folded.until = event.at;
      return;
    }
    this.items.push({ seq: event.seq, at: event.at, until: event.at, fold: event.kind, pieces: 1, size });
  }

  #happened({ seq, at, type }, data) {
    if (type === "phase") {
      this.#progress(seq, at, data);
      return;
    }
    const says = SAYS[type]?.(data) ?? type;
    this.items.push({
      seq,
      at,
      type,
      says,
      detail: detailOf(type, data),
      host: data.host,
      tone: data.valid === false ? "warn" : TONES[type],
    });
    this.#attempt(type, at, data);
    if (type === "redispatched" || type === "retried") {
      [this.text, this.reasoning, this.phase] = ["", "", null];
      this.epoch++;
    }
    if (data.verdicts) {
      this.verdicts.push({ at, ...data });
    }
    if (type === "input_needed") {
      this.asked = data;
    }
    this.final = type === "retried" ? false : this.final || ENDS.includes(type);
  }

  // A host may say a hundred times how far it is: one line that changes.
  #progress(seq, at, data) {
    this.phase = data;
    const before = this.items.at(-1);
    const says =
      [data.phase, data.percent == null ? null : `${Math.round(data.percent)}%`].filter(Boolean).join(", ") ||
      "At work";
    if (before?.type === "phase") {
      Object.assign(before, { until: at, says, detail: data.message, times: before.times + 1 });
      return;
    }
    this.items.push({ seq, at, until: at, type: "phase", says, detail: data.message, times: 1 });
  }

  #attempt(type, at, data) {
    const running = this.attempts.at(-1);
    if (type === "leased" || type === "continued") {
      this.attempts.push({
        number: data.attempt,
        host: data.host,
        fence: data.fence,
        began: at,
        ended: null,
        pieces: 0,
        outcome: "running",
        mode: data.mode,
      });
    } else if (
      running &&
      !running.ended &&
      (ENDS.includes(type) || ["lost", "interrupted", "answered"].includes(type))
    ) {
      Object.assign(running, { ended: at, outcome: type, detail: detailOf(type, data) });
    }
  }
}

function detailOf(type, data) {
  switch (type) {
    case "lost":
    case "interrupted":
    case "failed":
    case "timeout":
      return [data.code, data.message].filter(Boolean).join(": ");
    case "cancelled":
    case "input_needed":
      return data.reason;
    case "input":
      return data.text;
    case "usage":
      return Object.entries(data)
        .filter(([, value]) => typeof value === "number")
        .map(([name, value]) => `${name} ${value}`)
        .join(", ");
    default:
      return null;
  }
}

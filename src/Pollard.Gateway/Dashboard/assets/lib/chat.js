// One turn of a chat, as it streams.
import { Problem, send } from "./api.js";
import { eventsOf } from "./sse.js";

/**
 * Asks a model; `drawn` is called as the answer grows.
 * @returns { text, thinking, task, tokens, seconds } as it became; throws a Problem where it broke.
 */
export async function ask(body, answer, { signal, drawn }) {
  const began = performance.now();
  const reply = await send("POST", "/v1/chat/completions", body, { signal, accept: "text/event-stream" });
  answer.task = reply.headers.get("Pollard-Task");
  drawn();
  let first = null;
  for await (const data of eventsOf(reply)) {
    if (data === "[DONE]") {
      break;
    }
    const piece = JSON.parse(data);
    if (piece.error) {
      throw new Problem(200, piece.error.code ?? "The answer broke off", piece.error.message);
    }
    first ??= performance.now();
    take(answer, piece);
    // The first piece is not counted: what came before it was waiting.
    const seconds = (performance.now() - first) / 1000;
    answer.speed = seconds > 0.2 ? (answer.tokens ?? answer.pieces) / seconds : null;
    answer.seconds = (performance.now() - began) / 1000;
    drawn();
  }
}

function take(answer, piece) {
  const delta = piece.choices?.[0]?.delta;
  if (delta?.content) {
    answer.text += delta.content;
    answer.pieces++;
  }
  const thinking = delta?.reasoning_content ?? delta?.reasoning;
  if (thinking) {
    answer.thinking += thinking;
    answer.pieces++;
  }
  answer.tokens = piece.usage?.completion_tokens ?? answer.tokens;
}

/** An answer that has not begun. */
export const emptyAnswer = () => ({
  role: "assistant",
  text: "",
  thinking: "",
  pieces: 0,
  tokens: null,
  speed: null,
  seconds: null,
  task: null,
  problem: null,
});

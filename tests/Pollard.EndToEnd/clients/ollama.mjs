// Ollama's own client for node against the gateway: node ollama.mjs BASE_URL MODEL. Prints what it saw as JSON.
import { Ollama } from "ollama";

const [host, model] = process.argv.slice(2);
const client = new Ollama({ host });
const messages = [{ role: "user", content: "Tell me about forests." }];
const options = { seed: 7, num_predict: 40 };

const models = (await client.list()).models.map((entry) => entry.name);
const whole = await client.chat({ model, messages, options });
let streamed = "";
let last = null;
for await (const part of await client.chat({ model, messages, options, stream: true })) {
  streamed += part.message.content;
  last = part;
}

const generated = await client.generate({ model, prompt: "Once upon a time", options });
const embedded = await client.embed({ model, input: ["one", "two"] });
const shown = await client.show({ model });
let unknown = null;
try {
  await client.chat({ model: "no-such-model", messages });
} catch (error) {
  unknown = { status: error.status_code, message: error.message };
}

console.log(JSON.stringify({
  models, whole: whole.message.content, wholeCount: whole.eval_count, streamed, done: last?.done ?? false,
  doneReason: last?.done_reason ?? null, generated: generated.response,
  dimensions: embedded.embeddings.map((vector) => vector.length), capabilities: shown.capabilities ?? [], unknown,
}));

// OpenAI's own client for node against the gateway: node openai.mjs BASE_URL MODEL. Prints what it saw as JSON.
import OpenAI from "openai";

const [baseURL, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: process.env.POLLARD_KEY ?? "none", maxRetries: 0 });
const messages = [{ role: "user", content: "Tell me about forests." }];

const models = (await client.models.list()).data.map((entry) => entry.id);
const whole = await client.chat.completions.create({ model, messages, seed: 7, max_tokens: 40 });

let streamed = "";
let usage = null;
let finish = null;
const stream = await client.chat.completions.create({
  model, messages, seed: 7, max_tokens: 40, stream: true, stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  finish = chunk.choices[0]?.finish_reason ?? finish;
  usage = chunk.usage ?? usage;
}

const completion = await client.completions.create({ model, prompt: "Once upon a time", seed: 7, max_tokens: 20 });
const embedding = await client.embeddings.create({ model, input: ["one", "two"] });

const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } } }];
const called = await client.chat.completions.create({ model, messages: [{ role: "user", content: "Use get_weather for Oslo." }], tools, seed: 7 });

let unknown = null;
try {
  await client.chat.completions.create({ model: "no-such-model", messages });
} catch (error) {
  unknown = { status: error.status, code: error.code, type: error.type, message: error.message };
}

console.log(JSON.stringify({
  models, whole: whole.choices[0].message.content, wholeUsage: whole.usage, streamed, usage, finish,
  completion: completion.choices[0].text, dimensions: embedding.data.map((entry) => entry.embedding.length),
  tool: called.choices[0].message.tool_calls?.[0]?.function?.name ?? null, unknown,
}));

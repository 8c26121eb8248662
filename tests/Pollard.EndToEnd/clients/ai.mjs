// Vercel's AI SDK against the gateway: node ai.mjs BASE_URL MODEL. Prints what it saw as JSON.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embed, generateText, streamText } from "ai";

const [baseURL, model] = process.argv.slice(2);
const provider = createOpenAICompatible({ name: "pollard", baseURL: `${baseURL}/v1`, apiKey: process.env.POLLARD_KEY ?? "none", includeUsage: true });

const whole = await generateText({ model: provider(model), prompt: "Tell me about forests.", seed: 7, maxOutputTokens: 40, maxRetries: 0 });
const stream = streamText({ model: provider(model), prompt: "Tell me about forests.", seed: 7, maxOutputTokens: 40, maxRetries: 0 });
let streamed = "";
for await (const text of stream.textStream) {
  streamed += text;
}

const vector = await embed({ model: provider.textEmbeddingModel(model), value: "one", maxRetries: 0 });
console.log(JSON.stringify({
  whole: whole.text, streamed, finish: await stream.finishReason, usage: await stream.usage, dimension: vector.embedding.length,
}));

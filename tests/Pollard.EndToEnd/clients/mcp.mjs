// An MCP server over stdio with one tool, which says the secret that it was given.
import { createInterface } from "node:readline";

const tool = {
  name: "plant",
  description: "Plants a tree",
  inputSchema: { type: "object", properties: { what: { type: "string" } }, required: ["what"] },
};
const answers = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion,
    capabilities: { tools: {} },
    serverInfo: { name: "tree", version: "1" },
  }),
  "tools/list": () => ({ tools: [tool] }),
  "tools/call": () => ({ content: [{ type: "text", text: `planted with ${process.env.TREE_SECRET}` }] }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id !== undefined) {
    const result = answers[method]?.(params) ?? {};
    process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\n");
  }
}

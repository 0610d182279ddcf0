// Anthropic's SDK for Node. The model may live anywhere: the gateway translates the stream.
import Anthropic from "@anthropic-ai/sdk";

const { SLUICE_URL = "http://127.0.0.1:8080", SLUICE_KEY = "sk-sluice-local", MODEL = "claude-sonnet-4-5" } = process.env;

// The SDK adds /v1/messages to the URL by itself.
const client = new Anthropic({ baseURL: SLUICE_URL, apiKey: SLUICE_KEY });
const stream = client.messages.stream({
  model: MODEL,
  max_tokens: 1024,
  messages: [
    { role: "user", content: "Write to John Smith, john@example.com, about his card 4111 1111 1111 1111" },
  ],
});
stream.on("text", (text) => process.stdout.write(text));
await stream.done();
console.log();

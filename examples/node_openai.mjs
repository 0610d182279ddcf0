// OpenAI's SDK for Node: only the URL is the gateway's.
import OpenAI from "openai";

const { SLUICE_URL = "http://127.0.0.1:8080", SLUICE_KEY = "sk-sluice-local", MODEL = "gpt-4o-mini" } = process.env;

const client = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_KEY });
const stream = await client.chat.completions.create({
  model: MODEL,
  messages: [
    { role: "user", content: "Write to John Smith, john@example.com, about his card 4111 1111 1111 1111" },
  ],
  stream: true,
});
for await (const chunk of stream) {
  // A chunk that carries only usage has no choices.
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
console.log();

// A streaming route handler of Next.js: a page asks this application, and this application asks the gateway.
import OpenAI from "openai";

const { SLUICE_URL = "http://127.0.0.1:8080", SLUICE_KEY = "sk-sluice-local", MODEL = "gpt-4o-mini" } = process.env;

const client = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_KEY });

export async function POST(request) {
  const { message } = await request.json();
  // Asked for before the response begins, so that a refusal is still an error and not half an answer.
  const stream = await client.chat.completions.create({
    model: MODEL,
    messages: [{ role: "user", content: message }],
    stream: true,
  });
  const chunks = stream[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  const answer = new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value.choices[0]?.delta?.content ?? ""));
    },
    // A page that leaves ends the call to the provider too.
    cancel() {
      stream.controller.abort();
    },
  });
  return new Response(answer, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
}

// A streaming endpoint in Express: a browser asks this application, and this application asks the gateway.
import express from "express";
import OpenAI from "openai";

const {
  SLUICE_URL = "http://127.0.0.1:8080",
  SLUICE_KEY = "sk-sluice-local",
  MODEL = "gpt-4o-mini",
  PORT = "3000",
} = process.env;

const client = new OpenAI({ baseURL: `${SLUICE_URL}/v1`, apiKey: SLUICE_KEY });
const app = express();
app.use(express.json());

app.post("/chat", async (request, response) => {
  // A browser that leaves ends the call to the provider too.
  const left = new AbortController();
  response.on("close", () => left.abort());
  // Asked for before the response begins, so that a refusal is still an error and not half an answer.
  const stream = await client.chat.completions.create(
    { model: MODEL, messages: [{ role: "user", content: request.body.message }], stream: true },
    { signal: left.signal },
  );
  response.type("text/plain");
  for await (const chunk of stream) {
    response.write(chunk.choices[0]?.delta?.content ?? "");
  }
  response.end();
});

const server = app.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/chat`);
});

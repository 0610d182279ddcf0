// What the official SDK for Node makes of the gateway: `node client.mjs BASE_URL PROMPT` prints it as JSON.
import OpenAI from "openai";

const [baseURL, prompt] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "sk-sluice-anything", maxRetries: 0, timeout: 10_000 });
const messages = [{ role: "user", content: prompt }];
const tools = [
  {
    type: "function",
    function: {
      name: "send",
      parameters: { type: "object", properties: { to: { type: "string" }, text: { type: "string" } } },
    },
  },
];

async function failure(work) {
  try {
    await work();
    return null;
  } catch (error) {
    const kind = error.constructor.name;
    return { kind, status: error.status ?? null, code: error.code ?? null, message: error.message };
  }
}

async function read(model, more = {}) {
  const stream = await client.chat.completions.create({ model, messages, stream: true, ...more });
  let text = "";
  let chunks = 0;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    chunks += 1;
  }
  return { text, chunks };
}

const seen = {};
seen.whole = (await client.chat.completions.create({ model: "sim:say", messages })).choices[0].message.content;
seen.stream = await read("sim:say?delta=3&bytes=random");

const helper = client.chat.completions.stream({
  model: "sim:say?delta=2",
  messages,
  n: 2,
  stream_options: { include_usage: true },
});
const final = await helper.finalChatCompletion();
seen.final = final.choices.map((choice) => [choice.message.content, choice.finish_reason]);
seen.usage = final.usage.total_tokens;

const called = client.chat.completions.stream({ model: "sim:tool?delta=2&escape=2", messages, tools });
seen.arguments = JSON.parse((await called.finalChatCompletion()).choices[0].message.tool_calls[0].function.arguments);

seen.early = await failure(() => read("sim:say?fail=status:429"));
seen.late = await failure(() => read("sim:say?fail=error_mid"));
seen.truncated = await failure(() => read("sim:say?fail=truncate"));
seen.unknown = await failure(() => read("nobody"));

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

const stopped = await client.chat.completions.create({ model: "sim:say?fail=stall:4", messages, stream: true });
for await (const chunk of stopped) {
  seen.stopped = chunk.object;
  break; // the SDK aborts the request
}

console.log(JSON.stringify(seen));

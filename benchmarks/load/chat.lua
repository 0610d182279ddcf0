-- wrk: whole answers, no two questions alike. MODEL, KEY and PATH_TO are read from the environment.
local model = os.getenv("MODEL") or "sim:echo"
local key = os.getenv("KEY") or "sk-benchmark"
local path = os.getenv("PATH_TO") or "/v1/chat/completions"
local body = [[{"model":"%s","messages":[{"role":"user","content":"Order %d of %s: write to ada.%d@example.com."}]}]]
local names = { "Monday", "Tuesday", "Wednesday", "Thursday", "Friday" }
local asked = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. key

function request()
  asked = asked + 1
  local question = body:format(model, asked, names[asked % #names + 1], asked)
  return wrk.format(nil, path, nil, question)
end

function done(summary, latency, requests)
  local wrong = summary.errors.status + summary.errors.read + summary.errors.timeout
  io.write(("answers: %d, failed: %d, p99: %.1f ms\n"):format(summary.requests, wrong, latency:percentile(99) / 1000))
end

-- KEYS: requests, tokens, leases, spent. A limit of -1 is none.
local now = time_ms(ARGV[1])
local max_requests, max_tokens, max_concurrent = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local max_nano_usd, max_spent_tokens = tonumber(ARGV[5]), tonumber(ARGV[6])
local tokens, nano_usd, worker, kept_s = tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])

local function denied(what, wait_ms) return { what, wait_ms, 0, 0, 0, 0, 0, 0, 0 } end

local requests_window, tokens_window, own
if max_requests >= 0 then
  requests_window = live(KEYS[1], now)
  local wait_ms = wait(requests_window, 1, max_requests, now)
  if wait_ms ~= 0 then return denied(1, wait_ms) end
end
if max_tokens >= 0 then
  tokens_window = live(KEYS[2], now)
  local wait_ms = wait(tokens_window, tokens, max_tokens, now)
  if wait_ms ~= 0 then return denied(2, wait_ms) end
end
if max_concurrent >= 0 then
  local all
  all, own = in_progress(KEYS[3], worker, now)
  if all >= max_concurrent then return denied(3, -1) end
end
local spent = { 0, 0 }
if max_nano_usd >= 0 or max_spent_tokens >= 0 then
  local told = redis.call('HMGET', KEYS[4], 'nano_usd', 'tokens')
  spent = { tonumber(told[1] or 0) + nano_usd, tonumber(told[2] or 0) + tokens }
  if max_nano_usd >= 0 and spent[1] > max_nano_usd then return denied(4, -1) end
  if max_spent_tokens >= 0 and spent[2] > max_spent_tokens then return denied(5, -1) end
end

local answer = { 0, 0, 0, 0, 0, 0, 0, spent[1], spent[2] }
if requests_window then
  local bucket = add(KEYS[1], requests_window, 1, now)
  answer[4], answer[5] = requests_window.used, leaves(bucket) - now
end
if tokens_window then
  local bucket = add(KEYS[2], tokens_window, tokens, now)
  answer[3], answer[6], answer[7] = bucket, tokens_window.used, leaves(bucket) - now
end
if own then hold(KEYS[3], worker, own + 1, now) end
if max_nano_usd >= 0 or max_spent_tokens >= 0 then
  redis.call('HSET', KEYS[4], 'nano_usd', whole(spent[1]), 'tokens', whole(spent[2]))
  if kept_s > 0 then redis.call('EXPIRE', KEYS[4], kept_s) end
end
return answer

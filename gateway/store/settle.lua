-- KEYS: requests, tokens, leases, spent. A bucket of -1: no tokens were counted; a worker of '': no lease.
local now, bucket = time_ms(ARGV[1]), tonumber(ARGV[2])
local tokens, real_tokens = tonumber(ARGV[3]), tonumber(ARGV[4])
local budget, nano_usd, real_nano_usd, worker = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]

if bucket >= 0 then
  local window = live(KEYS[2], now)
  if real_tokens > tokens then
    add(KEYS[2], window, real_tokens - tokens, now)
  else
    for _, each in ipairs(window.buckets) do
      if each[1] == bucket then
        redis.call('HSET', KEYS[2], whole(bucket), whole(math.max(0, each[2] + real_tokens - tokens)))
      end
    end
  end
end
if worker ~= '' then
  local _, own = in_progress(KEYS[3], worker, now)
  hold(KEYS[3], worker, own - 1, now)
end
if budget == '1' then
  local told = redis.call('HMGET', KEYS[4], 'nano_usd', 'tokens')
  local nano = math.max(0, tonumber(told[1] or 0) - nano_usd + real_nano_usd)
  local count = math.max(0, tonumber(told[2] or 0) - tokens + real_tokens)
  redis.call('HSET', KEYS[4], 'nano_usd', whole(nano), 'tokens', whole(count))
end
return 0

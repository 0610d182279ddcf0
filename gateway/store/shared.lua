-- What the scripts share; the same rules as access/limits.py, line by line.
-- BUCKET_MS, BUCKETS and LEASE_MS stand in front of it.

local function time_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Lua writes large numbers with an exponent, which Redis does not read.
local function whole(number) return string.format('%.0f', number) end

-- The live buckets of a window; those that are not are removed.
local function live(key, now)
  local at = math.floor(now / BUCKET_MS)
  local window = { buckets = {}, used = 0, newest = nil }
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local bucket, amount = tonumber(flat[i]), tonumber(flat[i + 1])
    if math.abs(at - bucket) <= BUCKETS then
      table.insert(window.buckets, { bucket, amount })
      window.used = window.used + amount
      if window.newest == nil or bucket > window.newest then window.newest = bucket end
    else
      redis.call('HDEL', key, flat[i])
    end
  end
  return window
end

local function leaves(bucket) return (bucket + BUCKETS + 1) * BUCKET_MS end

-- 0 if the amount fits now, -1 if it never will, else the milliseconds until it does.
local function wait(window, amount, limit, now)
  if amount > limit then return -1 end
  local excess = window.used + amount - limit
  local at = now
  table.sort(window.buckets, function(a, b) return a[1] < b[1] end)
  for _, each in ipairs(window.buckets) do
    if excess <= 0 then break end
    excess = excess - each[2]
    at = leaves(each[1])
  end
  return at - now
end

local function add(key, window, amount, now)
  local bucket = math.floor(now / BUCKET_MS)
  if window.newest ~= nil and window.newest > bucket then bucket = window.newest end
  redis.call('HINCRBY', key, whole(bucket), whole(amount))
  redis.call('PEXPIRE', key, (2 * BUCKETS + 2) * BUCKET_MS)
  window.used = window.used + amount
  window.newest = bucket
  return bucket
end

-- Requests in progress, and how many of them are one worker's. Those nobody vouches for are removed.
local function in_progress(key, worker, now)
  local all, own = 0, 0
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local count, until_ms = string.match(flat[i + 1], '^(%d+) (%d+)$')
    if tonumber(until_ms) > now then
      all = all + tonumber(count)
      if flat[i] == worker then own = tonumber(count) end
    else
      redis.call('HDEL', key, flat[i])
    end
  end
  return all, own
end

local function hold(key, worker, count, now)
  if count > 0 then
    redis.call('HSET', key, worker, whole(count) .. ' ' .. whole(now + LEASE_MS))
    redis.call('PEXPIRE', key, 2 * LEASE_MS)
  else
    redis.call('HDEL', key, worker)
  end
end


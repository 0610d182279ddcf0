-- KEYS: leases. A worker says how many requests it has in progress.
local now, worker, count = time_ms(ARGV[1]), ARGV[2], tonumber(ARGV[3])
in_progress(KEYS[1], worker, now)
hold(KEYS[1], worker, count, now)
return 0

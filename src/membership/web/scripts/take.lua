-- take(bucket; requests, window, taken)
--
-- Takes so many requests from a bucket that has as many. It holds `requests` when it is full, and what was taken comes
-- back evenly over `window`. That is GCRA: all that is kept is the moment at which the bucket will be full again.
-- KEYS  1 bucket  string   that moment, in microseconds since 1970; none for a full bucket
-- ARGV  requests; window in microseconds, at least one for each request; how many to take, 0 to look
-- Returns how many are left now, and 0 when it gave, or else in how many microseconds it would
--
-- The time is this server's: the clocks of those who ask differ, and the service's may be moved for a demonstration.

local bucket, requests, window, taken = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each = math.floor(window / requests)
local room = each * requests

-- A lower limit than before, or a clock that was set back, must not lock anybody out for longer than the window.
local full_at = math.min(math.max(tonumber(redis.call('GET', bucket) or '0'), now), now + room)
local after = full_at + each * taken
if after - now > room then
  return { math.floor((room - (full_at - now)) / each), after - now - room }
end
if taken > 0 then
  redis.call('SET', bucket, string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
end
return { math.floor((room - (after - now)) / each), 0 }

-- take(bucket+; (requests, window, taken)+)
--
-- Takes so many requests from each bucket that has as many. A bucket holds `requests` when it is full, and what was taken
-- comes back evenly over `window`. That is GCRA: all that is kept is the moment at which the bucket will be full again.
-- KEYS  string   that moment, in microseconds since 1970; none for a full bucket
-- ARGV  three for each bucket: requests, window in microseconds (at least one for each request), and how many to take, 0 to look
-- Returns two for each bucket: how many are left now, and 0 when it gave, or else in how many microseconds it would
--
-- The time is this server's: the clocks of those who ask differ, and the service's may be moved for a demonstration.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function take(bucket, requests, window, taken)
  local each = math.floor(window / requests)
  local room = each * requests
  local full_at = math.max(tonumber(redis.call('GET', bucket) or '0'), now)
  -- A lower limit than before, or a clock that was set back, must not lock anybody out for longer than the window.
  full_at = math.min(full_at, now + room)
  local after = full_at + each * taken
  if after - now > room then
    return math.floor((room - (full_at - now)) / each), after - now - room
  end
  if taken > 0 then
    redis.call('SET', bucket, string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
  end
  return math.floor((room - (after - now)) / each), 0
end

local answers = {}
for i, bucket in ipairs(KEYS) do
  local at = 3 * i - 2
  local left, wait = take(bucket, tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
  answers[#answers + 1] = left
  answers[#answers + 1] = wait
end
return answers

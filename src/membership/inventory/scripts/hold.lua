-- hold(head, claims, holds, members; epoch, (claim, pool, member, day, request, deadline)*)
--
-- Holds one unit for each claim until its deadline, if there is one and the member's limits allow it.
-- KEYS  1 head     hash    epoch, run_id, limit, limit_day ('' for none), and of each pool
--                          <pool>:total, :free, :held, :confirmed, :voided
--       2 claims   hash    claim -> state pool member day request; state H (held), C (confirmed), R (given back)
--       3 holds    zset    claim -> deadline, of those that are held
--       4 members  hash    member -> claims ever, member:day -> claims of that day; held ones included
-- ARGV  epoch, then six for each claim; day '' for none, deadline in milliseconds since 1970
-- Returns { 'FENCED' }, or 'OK' and a word for each claim:
--   HELD             now, or before: a repeat changes nothing, its deadline included
--   CONFIRMED, RETURNED   came to this end before
--   CONFLICT         the claim was made before with another request
--   EMPTY            nothing is free
--   LIMIT_DAY, LIMIT_CAMPAIGN   the member has, or holds, as many as allowed
--   NO_POOL          not loaded with the offer

local head, claims, holds, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if fenced(head, ARGV[1]) then return { 'FENCED' } end

local limits = redis.call('HMGET', head, 'limit', 'limit_day')
local limit, limit_day = tonumber(limits[1]), tonumber(limits[2])
local states = { H = 'HELD', C = 'CONFIRMED', R = 'RETURNED' }

local function reached(field, most)
  return most and tonumber(redis.call('HGET', members, field) or '0') >= most
end

local function hold(claim, pool, member, day, request, deadline)
  local record = redis.call('HGET', claims, claim)
  if record then
    local state, made = string.match(record, '^(%a) .- (%S*)$')
    return made == request and states[state] or 'CONFLICT'
  end
  if reached(member, limit) then return 'LIMIT_CAMPAIGN' end
  if reached(member .. ':' .. day, limit_day) then return 'LIMIT_DAY' end
  local free = tonumber(redis.call('HGET', head, pool .. ':free'))
  if not free then return 'NO_POOL' end
  if free <= 0 then return 'EMPTY' end
  redis.call('HINCRBY', head, pool .. ':free', -1)
  redis.call('HINCRBY', head, pool .. ':held', 1)
  if limit then redis.call('HINCRBY', members, member, 1) end
  if limit_day then redis.call('HINCRBY', members, member .. ':' .. day, 1) end
  redis.call('HSET', claims, claim, table.concat({ 'H', pool, member, day, request }, ' '))
  redis.call('ZADD', holds, deadline, claim)
  return 'HELD'
end

local answers = { 'OK' }
for i = 2, #ARGV, 6 do
  answers[#answers + 1] = hold(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5])
end
return answers

-- overdue(head, claims, holds; epoch, until, most)
--
-- The holds whose deadline has passed, earliest first.
-- KEYS  1 head hash, 2 claims hash, 3 holds zset: see hold.lua
-- ARGV  epoch; until: milliseconds since 1970, or '+inf' for all holds; most: how many, -1 for all
-- Returns { 'FENCED' }, or 'OK' and for each hold: claim, record (see hold.lua).

local head, claims, holds = KEYS[1], KEYS[2], KEYS[3]
if fenced(head, ARGV[1]) then return { 'FENCED' } end

local answers = { 'OK' }
for _, claim in ipairs(redis.call('ZRANGE', holds, '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3])) do
  answers[#answers + 1] = claim
  answers[#answers + 1] = redis.call('HGET', claims, claim)
end
return answers

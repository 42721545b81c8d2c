-- give_back(head, claims, holds, members; epoch, to, frees_limit, claim*)
--
-- Units of confirmed claims are free again, or voided. PostgreSQL has committed that under this epoch.
-- KEYS  1 head hash, 2 claims hash, 3 holds zset, 4 members hash: see hold.lua
-- ARGV  epoch (the one that the transaction read); to: 'free' or 'voided'; frees_limit: '1' when the claims no longer
--       count towards the members' limits; then the claims
-- Returns { 'FENCED' }: a later load has counted them already; or { 'OK', how many }. A repeat finds none.
-- A claim whose confirmation is still on its way is held here; the record R then lets that confirmation change nothing.

local head, claims, holds, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if fenced(head, ARGV[1]) then return { 'FENCED' } end

local limits = redis.call('HMGET', head, 'limit', 'limit_day')
local to, frees_limit = ARGV[2], ARGV[3] == '1'
local given = 0
for i = 4, #ARGV do
  local record = redis.call('HGET', claims, ARGV[i])
  local state = record and string.sub(record, 1, 1)
  if state == 'H' or state == 'C' then
    local pool, member, day = string.match(record, '^%a (%S+) (%S+) (%S*) ')
    redis.call('HINCRBY', head, pool .. (state == 'H' and ':held' or ':confirmed'), -1)
    redis.call('HINCRBY', head, pool .. ':' .. to, 1)
    if frees_limit and tonumber(limits[1]) then redis.call('HINCRBY', members, member, -1) end
    if frees_limit and tonumber(limits[2]) then redis.call('HINCRBY', members, member .. ':' .. day, -1) end
    redis.call('HSET', claims, ARGV[i], 'R' .. string.sub(record, 2))
    redis.call('ZREM', holds, ARGV[i])
    given = given + 1
  end
end
return { 'OK', given }

-- release(head, claims, holds, members; epoch, claim*)
--
-- Held units are free again. Only for claims whose row in PostgreSQL says that they can never be confirmed any more
-- (EXPIRED, REFUSED, RETURNED): else a repeat on its way could still confirm what is given to somebody else here.
-- KEYS  1 head hash, 2 claims hash, 3 holds zset, 4 members hash: see hold.lua
-- ARGV  epoch, then the claims
-- Returns { 'FENCED' }: the load knows no such holds; or { 'OK', how many were held }. A repeat finds none.

local head, claims, holds, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if fenced(head, ARGV[1]) then return { 'FENCED' } end

local limits = redis.call('HMGET', head, 'limit', 'limit_day')
local released = 0
for i = 2, #ARGV do
  local record = redis.call('HGET', claims, ARGV[i])
  if record and string.sub(record, 1, 1) == 'H' then
    local pool, member, day = string.match(record, '^H (%S+) (%S+) (%S*) ')
    redis.call('HINCRBY', head, pool .. ':held', -1)
    redis.call('HINCRBY', head, pool .. ':free', 1)
    if tonumber(limits[1]) then redis.call('HINCRBY', members, member, -1) end
    if tonumber(limits[2]) then redis.call('HINCRBY', members, member .. ':' .. day, -1) end
    redis.call('HDEL', claims, ARGV[i])
    redis.call('ZREM', holds, ARGV[i])
    released = released + 1
  end
end
return { 'OK', released }

-- confirm(head, claims, holds; epoch, claim*)
--
-- Held units become confirmed: PostgreSQL has committed these claims under this epoch.
-- KEYS  1 head hash, 2 claims hash, 3 holds zset: see hold.lua
-- ARGV  epoch (the one that the transaction read), then the claims
-- Returns { 'FENCED' }: a later load has counted them already; or { 'OK', how many were held }. A repeat finds none.

local head, claims, holds = KEYS[1], KEYS[2], KEYS[3]
if fenced(head, ARGV[1]) then return { 'FENCED' } end

local confirmed = 0
for i = 2, #ARGV do
  local record = redis.call('HGET', claims, ARGV[i])
  if record and string.sub(record, 1, 1) == 'H' then
    local pool = string.match(record, '^H (%S+)')
    redis.call('HINCRBY', head, pool .. ':held', -1)
    redis.call('HINCRBY', head, pool .. ':confirmed', 1)
    redis.call('HSET', claims, ARGV[i], 'C' .. string.sub(record, 2))
    redis.call('ZREM', holds, ARGV[i])
    confirmed = confirmed + 1
  end
end
return { 'OK', confirmed }

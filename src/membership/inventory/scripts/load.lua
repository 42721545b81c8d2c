-- load(head, claims, holds, members, staged_head, staged_claims, staged_members; epoch, fields, claims, members)
--
-- Puts what was staged in place of all that was there, holds included, if its epoch is greater.
-- KEYS  1 head hash, 2 claims hash, 3 holds zset, 4 members hash: see hold.lua
--       5, 6, 7 hashes under names of this epoch, to become 1, 2 and 4
-- ARGV  epoch, and how many fields each staged hash must have: a flush may have come between
-- Returns { 'OK', run_id of this server }, also to a repeat, whose staged hashes are there no more; { 'OLD', epoch }: one
--   that is not smaller is loaded, or the very same, by whom PostgreSQL has forgotten since: it was restored from a
--   backup, and its sequence counts from there again; { 'INCOMPLETE' }: stage again.

local head, claims, holds, members = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch = ARGV[1]
local loaded = redis.call('HMGET', head, 'epoch', 'run_id')
local repeated = loaded[1] == epoch and loaded[2] == own_run_id() and redis.call('EXISTS', KEYS[5]) == 0
if repeated then return { 'OK', loaded[2] } end
if loaded[1] and tonumber(loaded[1]) >= tonumber(epoch) then return { 'OLD', loaded[1] } end

for i = 5, 7 do
  if redis.call('HLEN', KEYS[i]) ~= tonumber(ARGV[i - 3]) then return { 'INCOMPLETE' } end
end

local function replace(target, staged)
  redis.call('UNLINK', target)
  if redis.call('EXISTS', staged) == 1 then
    redis.call('RENAME', staged, target)
    redis.call('PERSIST', target) -- staged keys expire, so that a loader that dies leaves nothing
  end
end

replace(head, KEYS[5])
replace(claims, KEYS[6])
replace(members, KEYS[7])
redis.call('UNLINK', holds)
redis.call('HSET', head, 'epoch', epoch, 'run_id', own_run_id())
return { 'OK', own_run_id() }

-- levels(head; epoch, pool*)
--
-- KEYS  1 head hash: see hold.lua
-- ARGV  epoch, then pools
-- Returns { 'FENCED' }, or 'OK' and for each pool: total, free, held, confirmed, voided (false where not loaded).

local head = KEYS[1]
if fenced(head, ARGV[1]) then return { 'FENCED' } end

local answers = { 'OK' }
for i = 2, #ARGV do
  local pool = ARGV[i]
  local found = redis.call(
    'HMGET', head, pool .. ':total', pool .. ':free', pool .. ':held', pool .. ':confirmed', pool .. ':voided')
  for part = 1, 5 do answers[#answers + 1] = found[part] end
end
return answers

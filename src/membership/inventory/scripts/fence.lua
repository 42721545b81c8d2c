-- Put before every other script. Whether what is loaded is what PostgreSQL says was loaded (I7):
--   fenced(head, epoch) -> true when it is not
-- head: hash with the fields `epoch` and `run_id` of the load. Missing, of another epoch, or carried over to this
-- server by a snapshot or from a primary (then the run_id is another's) all mean "not loaded": never zero, never infinite.

local function own_run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function fenced(head, epoch)
  local loaded = redis.call('HMGET', head, 'epoch', 'run_id')
  return loaded[1] ~= epoch or loaded[2] ~= own_run_id()
end

-- This process of Redis was compared with the books and has what they have: its sale may go on. Queue numbers go on
-- above any that was given, for the last of them may be lost.
--
-- KEYS  1 sale  2 number
-- ARGV  1 the epoch in which it was compared  2 a queue number above which none was given
-- Answers  1, or 0 when the sale is not what was compared
local sale = redis.call('HMGET', KEYS[1], 'ready', 'epoch')
if sale[1] ~= '1' or sale[2] ~= ARGV[1] then return 0 end
if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
redis.call('HSET', KEYS[1], 'run_id', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'))
return 1

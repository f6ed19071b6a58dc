-- Puts a new event on sale in Redis: nothing is sold or held yet. Leaves a sale that is there alone.
--
-- KEYS  1 sale  2 stock
-- ARGV  1 how many fields of the sale  then field, value, ... of the sale  then field, value, ... of the stock
-- Answers  1 if it was loaded, 0 if it was there
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local fields = 2 * tonumber(ARGV[1])
redis.call('HSET', KEYS[2], unpack(ARGV, fields + 2))
redis.call('HSET', KEYS[1], unpack(ARGV, 2, fields + 1))
redis.call('HSET', KEYS[1], 'ready', '1', 'epoch', '1',
    'run_id', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'))
return 1

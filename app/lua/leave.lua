#!lua flags=allow-oom
-- A buyer leaves the waiting room for good, also while the lobby is being drawn. Orders they have stay theirs.
--
-- KEYS  1 sale  2 lobby  3 entrants  4 leavers  5 queue  6 parked  7 passes  8 served  9 idle  10 numbers  11 totals
-- ARGV  1 buyer  2 channel for live news
-- Answers  1 if the buyer had a place, else 0
local buyer = ARGV[1]
local had = redis.call('ZREM', KEYS[2], buyer)
for i = 5, 8 do
    had = had + redis.call('ZREM', KEYS[i], buyer)
end
-- The list that is drawn from stays as it was frozen, or the draw could not be repeated: who left is remembered.
if redis.call('HGET', KEYS[1], 'state') == 'drawing' and redis.call('ZSCORE', KEYS[3], buyer) then
    had = had + redis.call('SADD', KEYS[4], buyer)
end
redis.call('SREM', KEYS[9], buyer)
redis.call('HDEL', KEYS[10], buyer)
if had == 0 then return 0 end
redis.call('HINCRBY', KEYS[11], 'left', 1)
redis.call('PUBLISH', ARGV[2], cjson.encode({kind = 'left', buyers = {buyer}}))
return 1

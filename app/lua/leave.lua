-- A buyer leaves the waiting room for good. Orders they have stay theirs.
--
-- KEYS  1 lobby  2 queue  3 parked  4 passes  5 served  6 numbers  7 seen
-- ARGV  1 buyer  2 channel for live news
-- Answers  1 if the buyer had a place, else 0
local buyer = ARGV[1]
local had = 0
for i = 1, 5 do
    had = had + redis.call('ZREM', KEYS[i], buyer)
end
redis.call('HDEL', KEYS[6], buyer)
redis.call('ZREM', KEYS[7], buyer)
if had > 0 then
    redis.call('PUBLISH', ARGV[2], cjson.encode({kind = 'left', buyers = {buyer}}))
    return 1
end
return 0

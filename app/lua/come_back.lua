-- A buyer whose place Redis lost comes back with the queue number in their token, or into the lobby. Once after each
-- rebuild: a number is no use again to whoever left, was called, or did not come when called since.
--
-- KEYS  1 sale  2 lobby  3 queue  4 parked  5 passes  6 served  7 numbers  8 arrivals  9 returned
-- ARGV  1 buyer  2 standing: the queue number (0 for the lobby), less 1e9 for each band
-- Answers  1 if the buyer has the place again, 0 if nothing was lost or the place is not to be had
local sale = redis.call('HMGET', KEYS[1], 'state', 'rebuilt_number')
if not sale[2] or sale[1] == 'closed' then return 0 end
local buyer, standing = ARGV[1], tonumber(ARGV[2])
local number = standing % 1000000000
-- what was given after the rebuild was not lost by it; and nobody gets a number that somebody has
if number > tonumber(sale[2]) or number == 0 and sale[1] ~= 'scheduled' then return 0 end
for i = 2, 6 do
    if redis.call('ZSCORE', KEYS[i], buyer) then return 0 end
end
if redis.call('HEXISTS', KEYS[7], buyer) == 1 then return 0 end
if number > 0 and redis.call('ZCOUNT', KEYS[3], ARGV[2], ARGV[2]) + redis.call('ZCOUNT', KEYS[4], ARGV[2], ARGV[2]) > 0
then return 0 end
if redis.call('SADD', KEYS[9], buyer) == 0 then return 0 end
if number > 0 then
    redis.call('ZADD', KEYS[3], ARGV[2], buyer)
else
    redis.call('ZADD', KEYS[2], string.format('%.0f', redis.call('INCR', KEYS[8]) + standing), buyer)
end
return 1

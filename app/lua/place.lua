-- Where a buyer stands. Asking counts as being seen, so a parked buyer goes back in with the old number.
--
-- KEYS  1 sale  2 lobby  3 entrants  4 queue  5 parked  6 passes  7 served  8 numbers  9 seen
-- ARGV  1 buyer
-- Answers  "NOT_READY", "NOT_JOINED", or
--   {status, number, ahead, waiting, pass end ms, rate per minute}
--   status: lobby | waiting | admitted | lapsed; number, ahead and pass end are 0 where they mean nothing;
--   waiting counts the lobby for those in it, the queue for everybody else.
local sale = redis.call('HMGET', KEYS[1], 'ready', 'state', 'rate_per_minute')
if sale[1] ~= '1' then return 'NOT_READY' end
local buyer = ARGV[1]
local rate = tonumber(sale[3])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local number = tonumber(redis.call('HGET', KEYS[8], buyer) or 0)

local function seen()
    redis.call('ZADD', KEYS[9], now_ms, buyer)
end

local pass_end = tonumber(redis.call('ZSCORE', KEYS[6], buyer) or redis.call('ZSCORE', KEYS[7], buyer) or 0)
if pass_end > now_ms then
    seen()
    return {'admitted', number, 0, redis.call('ZCARD', KEYS[4]), pass_end, rate}
end
if redis.call('ZREM', KEYS[5], buyer) == 1 then
    redis.call('ZADD', KEYS[4], number, buyer)
end
local ahead = redis.call('ZRANK', KEYS[4], buyer)
if ahead then
    seen()
    return {'waiting', number, ahead, redis.call('ZCARD', KEYS[4]), 0, rate}
end
if redis.call('ZSCORE', KEYS[2], buyer) then
    seen()
    return {'lobby', 0, 0, redis.call('ZCARD', KEYS[2]), 0, rate}
end
if sale[2] == 'drawing' and redis.call('ZSCORE', KEYS[3], buyer) then
    seen()
    return {'lobby', 0, 0, redis.call('ZCARD', KEYS[3]), 0, rate}
end
if number > 0 then
    return {'lapsed', number, 0, redis.call('ZCARD', KEYS[4]), 0, rate}
end
return 'NOT_JOINED'

#!lua flags=allow-oom
-- Where a buyer stands. Asking counts as being seen, so a parked buyer goes back in with the old number.
-- What it writes is a bit for each buyer at most, so it may also with Redis's memory full: nobody loses their place
-- for asking.
--
-- KEYS  1 sale  2 lobby  3 entrants  4 leavers  5 queue  6 parked  7 passes  8 served  9 numbers
-- ARGV  1 buyer  2 length of a presence bucket in ms  3 how many seconds a bucket is kept
--       4 what the keys of the queue's buckets begin with  5 the same for the lobby's
-- Answers  "NOT_JOINED", or
--   {status, standing, ahead, waiting, pass end ms, arrival, state, rate per minute, room, pass ttl seconds,
--    pace (as admit.lua notes it, or ""), how many ms old that is}
--   status: lobby | waiting | admitted | lapsed; standing (the queue number, less 1e9 for each band), ahead, pass end
--   and arrival (the same in the lobby) are 0 where they mean nothing; waiting counts the lobby for those in it, the queue for everybody else.
local sale = redis.call('HMGET', KEYS[1], 'state', 'rate_per_minute', 'room', 'pass_ttl_seconds',
    'stopped_ms', 'paused_at_ms', 'pace', 'refilled_at_ms')
local buyer = ARGV[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- while the sale is paused its clock stands still, so what is left of a pass stays
local behind_ms = tonumber(sale[5] or 0) + (sale[6] and now_ms - tonumber(sale[6]) or 0)

local function answer(status, number, ahead, waiting, pass_end_ms, arrival)
    local bucket = math.floor(now_ms / ARGV[2])
    if status == 'waiting' or status == 'lobby' then
        local key = (status == 'lobby' and ARGV[5] or ARGV[4]) .. string.format('%.0f', bucket)
        redis.call('SETBIT', key, string.format('%.0f', (status == 'lobby' and arrival or number) % 1000000000), 1)
        redis.call('EXPIRE', key, ARGV[3])
    end
    return {status, number, ahead, redis.call('ZCARD', waiting), pass_end_ms, arrival, sale[1], tonumber(sale[2]),
        tonumber(sale[3]), tonumber(sale[4]), sale[7] or '', now_ms - tonumber(sale[8] or 0)}
end

local pass_end_ms = tonumber(redis.call('ZSCORE', KEYS[7], buyer) or redis.call('ZSCORE', KEYS[8], buyer) or 0)
    + behind_ms
if pass_end_ms > now_ms then
    local number = tonumber(redis.call('HGET', KEYS[9], buyer) or 0)
    return answer('admitted', number, 0, KEYS[5], pass_end_ms, 0)
end
local parked = redis.call('ZSCORE', KEYS[6], buyer)
if parked then
    redis.call('ZREM', KEYS[6], buyer)
    redis.call('ZADD', KEYS[5], parked, buyer)
end
local ahead = redis.call('ZRANK', KEYS[5], buyer)
if ahead then
    return answer('waiting', tonumber(redis.call('ZSCORE', KEYS[5], buyer)), ahead, KEYS[5], 0, 0)
end
local arrival = redis.call('ZSCORE', KEYS[2], buyer)
if arrival then return answer('lobby', 0, 0, KEYS[2], 0, tonumber(arrival)) end
if sale[1] == 'drawing' then
    arrival = redis.call('ZSCORE', KEYS[3], buyer)
    if arrival and redis.call('SISMEMBER', KEYS[4], buyer) == 0 then
        return answer('lobby', 0, 0, KEYS[3], 0, tonumber(arrival))
    end
end
local number = tonumber(redis.call('HGET', KEYS[9], buyer) or 0)
if number ~= 0 then return answer('lapsed', number, 0, KEYS[5], 0, 0) end
return 'NOT_JOINED'

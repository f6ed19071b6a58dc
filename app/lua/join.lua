-- A buyer joins the waiting room: the lobby before the sale opens, the queue's tail afterwards.
-- Joining again changes nothing; a parked buyer goes back in with the old number.
--
-- KEYS  1 sale  2 lobby  3 entrants  4 queue  5 parked  6 passes  7 served  8 number  9 numbers  10 seen
-- ARGV  1 buyer  2 how many may wait at most
-- Answers  "JOINED"  "NOT_READY"  "CLOSED"  "BUSY" (the waiting room is full)
local sale = redis.call('HMGET', KEYS[1], 'ready', 'state')
if sale[1] ~= '1' then return 'NOT_READY' end
if sale[2] == 'closed' then return 'CLOSED' end
local buyer = ARGV[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local pass_end = redis.call('ZSCORE', KEYS[6], buyer) or redis.call('ZSCORE', KEYS[7], buyer)
local known = (pass_end and tonumber(pass_end) > now_ms)
    or redis.call('ZSCORE', KEYS[4], buyer)
    or redis.call('ZSCORE', KEYS[5], buyer)
    or redis.call('ZSCORE', KEYS[2], buyer)
    or (sale[2] == 'drawing' and redis.call('ZSCORE', KEYS[3], buyer))

if not known then
    if redis.call('ZCARD', KEYS[4]) + redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then return 'BUSY' end
    if sale[2] == 'scheduled' then
        redis.call('ZADD', KEYS[2], now_ms, buyer)
    else
        local number = redis.call('INCR', KEYS[8])
        redis.call('ZADD', KEYS[4], number, buyer)
        redis.call('HSET', KEYS[9], buyer, number)
    end
end
redis.call('ZADD', KEYS[10], now_ms, buyer)
return 'JOINED'

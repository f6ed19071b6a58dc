-- A buyer joins the waiting room: the lobby before the sale opens, the queue's tail afterwards.
-- Joining again changes nothing; place.lua brings a parked buyer back in.
--
-- KEYS  1 sale  2 lobby  3 entrants  4 leavers  5 queue  6 parked  7 passes  8 served  9 number  10 arrivals
--       11 totals  12 idle  13 the joins of one address (GCRA: when its allowance is whole again, in ms)
-- ARGV  1 buyer  2 how many may wait at most  3 joins a minute, and at once, of one address (0: any number)
-- Answers  "JOINED"  "CLOSED"  "BUSY" (the waiting room is full)
--   {"TOO_MANY", ms until one more may join}: only somebody new counts, and only where there is room
local sale = redis.call('HMGET', KEYS[1], 'state', 'stopped_ms', 'paused_at_ms')
if sale[1] == 'closed' then return 'CLOSED' end
local buyer = ARGV[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local clock_ms = (tonumber(sale[3]) or now_ms) - tonumber(sale[2] or 0)

local pass_end = redis.call('ZSCORE', KEYS[7], buyer) or redis.call('ZSCORE', KEYS[8], buyer)
if (pass_end and tonumber(pass_end) > clock_ms)
    or redis.call('ZSCORE', KEYS[5], buyer)
    or redis.call('ZSCORE', KEYS[6], buyer)
    or redis.call('ZSCORE', KEYS[2], buyer)
    or (sale[1] == 'drawing' and redis.call('ZSCORE', KEYS[3], buyer)
        and redis.call('SISMEMBER', KEYS[4], buyer) == 0)
then return 'JOINED' end

if pass_end then -- it has ended, and admission has not taken it back yet: nobody hears of that any more
    redis.call('ZREM', KEYS[7], buyer)
    redis.call('ZREM', KEYS[8], buyer)
    redis.call('SREM', KEYS[12], buyer)
end
local waiting = 0
for _, room in ipairs({KEYS[2], KEYS[3], KEYS[5], KEYS[6]}) do
    waiting = waiting + redis.call('ZCARD', room)
end
if waiting >= tonumber(ARGV[2]) then return 'BUSY' end
local per_minute = tonumber(ARGV[3])
if per_minute > 0 then
    local whole_ms = math.max(tonumber(redis.call('GET', KEYS[13]) or 0), now_ms) + math.ceil(60000 / per_minute)
    if whole_ms > now_ms + 60000 then return {'TOO_MANY', whole_ms - now_ms - 60000} end
    redis.call('SET', KEYS[13], whole_ms, 'PX', whole_ms - now_ms)
end
if sale[1] == 'scheduled' then
    redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[10]), buyer)
else
    redis.call('ZADD', KEYS[5], redis.call('INCR', KEYS[9]), buyer)
end
redis.call('HINCRBY', KEYS[11], 'joined', 1)
return 'JOINED'

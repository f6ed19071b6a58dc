#!lua flags=allow-oom
-- A closed sale in which nothing is under way is over for good: it cannot be opened again, and is cleared away next.
--
-- KEYS  1 sale  2 stock  3 holds  4 outbox
-- ARGV  1 how many ms ago it must have been closed
-- Answers  "OVER"  "NOT_CLOSED"  "TOO_EARLY"  "IN_FLIGHT"
local sale = redis.call('HMGET', KEYS[1], 'state', 'closed_at_ms', 'draw_unpublished')
if sale[1] ~= 'closed' then return 'NOT_CLOSED' end
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(sale[2] or 0) < tonumber(ARGV[1]) then return 'TOO_EARLY' end
if sale[3] or redis.call('ZCARD', KEYS[3]) > 0 or redis.call('XLEN', KEYS[4]) > 0 then return 'IN_FLIGHT' end
local stock = redis.call('HGETALL', KEYS[2])
for i = 1, #stock, 2 do
    if string.sub(stock[i], -5) == ':held' and stock[i + 1] ~= '0' then return 'IN_FLIGHT' end
end
redis.call('HSET', KEYS[1], 'over', '1')
return 'OVER'

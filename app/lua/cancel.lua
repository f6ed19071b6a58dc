#!lua flags=allow-oom
-- A buyer asks to give an order's tickets back. The request goes through the outbox, behind its OrderPlaced.
--
-- KEYS  1 the order  2 outbox
-- ARGV  1 order id  2 buyer
-- Answers  "ASKED" (also when asked before)  "NOT_HELD" (nothing to give back)  "UNKNOWN"
local order = redis.call('HMGET', KEYS[1], 'buyer', 'claim', 'canceling')
if order[1] ~= ARGV[2] then return 'UNKNOWN' end
if order[2] ~= 'held' then return 'NOT_HELD' end
if order[3] then return 'ASKED' end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'canceling', '1')
redis.call('XADD', KEYS[2], '*', 'type', 'CancelRequested', 'order_id', ARGV[1],
    'at_ms', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)))
return 'ASKED'

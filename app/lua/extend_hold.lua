-- The hold of an order ends later: once because its buyer needs more time, by as long as it was made for; and once
-- because a payment begins, so that a slow bank does not lose the tickets. What changed goes through the outbox,
-- behind its OrderPlaced, so the books agree.
--
-- KEYS  1 sale  2 holds  3 outbox  4 the order
-- ARGV  1 order id  2 buyer  3 Idempotency-Key ("-" for none)
--       4 for a payment: how many ms the hold lasts at least from now, but never longer than a new one; else ""
-- Answers  {"EXTENDED", end ms} with the pauses in it; the same again for the same key
--   {"ALREADY", end ms} (for a payment also where there is time enough) {"UNKNOWN"}
--   {"NOT_HELD"} (nothing is held, or its time is over)
local sale = redis.call('HMGET', KEYS[1], 'hold_ttl_seconds', 'stopped_ms', 'paused_at_ms')
local least_ms = tonumber(ARGV[4])
local once = least_ms and 'paying' or 'extended'
local order = redis.call('HMGET', KEYS[4], 'buyer', 'status', 'claim', 'expires_at_ms', 'stopped_ms', once)
if order[1] ~= ARGV[2] then return {'UNKNOWN'} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- while the sale is paused its clock stands still, and so does what is left of a hold
local stopped_ms = tonumber(sale[2] or 0) + (sale[3] and now_ms - tonumber(sale[3]) or 0)
local later_ms = stopped_ms - tonumber(order[5] or 0)
local end_ms = tonumber(order[4])
if order[3] ~= 'held' or (order[2] ~= 'HELD' and order[2] ~= 'PENDING') or end_ms + later_ms <= now_ms then
    return {'NOT_HELD'}
end
if order[6] then
    return {order[6] ~= '-' and order[6] == ARGV[3] and 'EXTENDED' or 'ALREADY', end_ms + later_ms}
end
local ttl_ms = tonumber(sale[1]) * 1000
if least_ms then
    local wanted_ms = now_ms - later_ms + math.min(least_ms, ttl_ms)
    if wanted_ms <= end_ms then return {'ALREADY', end_ms + later_ms} end
    end_ms = wanted_ms
else
    end_ms = end_ms + ttl_ms
end
local written = string.format('%.0f', end_ms)
redis.call('HSET', KEYS[4], 'expires_at_ms', written, once, ARGV[3])
redis.call('ZADD', KEYS[2], string.format('%.0f', end_ms - tonumber(order[5] or 0)), ARGV[1])
redis.call('XADD', KEYS[3], '*', 'type', least_ms and 'HoldKept' or 'HoldExtended', 'order_id', ARGV[1],
    'at_ms', string.format('%.0f', now_ms), 'expires_at_ms', written)
return {'EXTENDED', end_ms + later_ms}

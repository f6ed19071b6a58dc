-- An order that was answered and that Redis lost: its buyer brings the receipt, and the same tickets are held again
-- under the same id, while they are there. No pass is asked for: it was there when the order was placed.
--
-- KEYS  1 sale  2 stock  3 bought  4 holds  5 outbox  6 answers of this buyer  7 the order  8 idle  9 totals
-- ARGV  1 order id  2 event id  3 buyer  4 Idempotency-Key  5 hash of the request  6 items  7 tickets  8 total
--       9 placed_at_ms  10 expires_at_ms  11 how many ms the hold lasts at least from now  12 how many ms after its
--       end it may come back
-- Answers  {"HELD", order id, total, expires_at_ms}   also when Redis knows the order, or another one of this key
--   {"KEY_REUSED"} {"CLOSED"} {"LAPSED"} {"LIMIT", tickets held and bought, limit} {"SOLD_OUT", sku, available}
--   {"SKU_LIMIT", sku, tickets of it held and bought, limit}
local sale = redis.call('HMGET', KEYS[1], 'state', 'max_per_buyer', 'currency', 'stopped_ms', 'sku_rules')
local answered = redis.call('HGET', KEYS[6], ARGV[4])
if answered then
    local order, hash, total, expires_at_ms = string.match(answered, '^(%S+) (%S+) (%d+) (%d+)$')
    if hash ~= ARGV[5] then return {'KEY_REUSED'} end
    return {'HELD', order, tonumber(total), tonumber(expires_at_ms)}
end
if sale[1] == 'closed' then return {'CLOSED'} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if now_ms > ARGV[10] + ARGV[12] then return {'LAPSED'} end

local has = tonumber(redis.call('HGET', KEYS[3], ARGV[3]) or 0)
if has + ARGV[7] > tonumber(sale[2]) then return {'LIMIT', has, tonumber(sale[2])} end
for sku, quantity in string.gmatch(ARGV[6], '(%d+):(%d+):%d+') do
    local limit = rule_of(sale[5], sku)
    local had = limit and has > 0 and has_of_sku(KEYS[6], sku) or 0
    if limit and had + quantity > limit then return {'SKU_LIMIT', sku, had, limit} end
    local available = tonumber(redis.call('HGET', KEYS[2], sku .. ':available') or 0)
    if available < tonumber(quantity) then return {'SOLD_OUT', sku, available} end
end
for sku, quantity in string.gmatch(ARGV[6], '(%d+):(%d+):%d+') do
    redis.call('HINCRBY', KEYS[2], sku .. ':available', -quantity)
    redis.call('HINCRBY', KEYS[2], sku .. ':held', quantity)
end
local stopped_ms = tonumber(sale[4] or 0)
local expires_at_ms = string.format('%.0f', math.max(tonumber(ARGV[10]), now_ms + ARGV[11]))
redis.call('HINCRBY', KEYS[3], ARGV[3], ARGV[7])
redis.call('SREM', KEYS[8], ARGV[3])
redis.call('HINCRBY', KEYS[9], 'placed', 1)
redis.call('ZADD', KEYS[4], string.format('%.0f', expires_at_ms - stopped_ms), ARGV[1])
redis.call('HSET', KEYS[7], 'buyer', ARGV[3], 'items', ARGV[6], 'tickets', ARGV[7], 'total', ARGV[8],
    'currency', sale[3], 'status', 'HELD', 'version', 0, 'claim', 'held',
    'placed_at_ms', ARGV[9], 'expires_at_ms', expires_at_ms)
if stopped_ms > 0 then redis.call('HSET', KEYS[7], 'stopped_ms', sale[4]) end
redis.call('HSET', KEYS[6], ARGV[4], ARGV[1] .. ' ' .. ARGV[5] .. ' ' .. ARGV[8] .. ' ' .. expires_at_ms)
redis.call('XADD', KEYS[5], '*', 'type', 'OrderPlaced', 'order_id', ARGV[1], 'event_id', ARGV[2],
    'buyer', ARGV[3], 'items', ARGV[6], 'total', ARGV[8], 'currency', sale[3],
    'at_ms', ARGV[9], 'expires_at_ms', expires_at_ms, 'key', ARGV[4], 'hash', ARGV[5])
return {'HELD', ARGV[1], tonumber(ARGV[8]), tonumber(expires_at_ms)}

-- Takes the stock for one order, all of it or nothing: pass? limit? stock? -> hold, order, outbox entry.
-- The same Idempotency-Key gets the same answer for ever, whatever became of the order.
--
-- KEYS  1 sale  2 stock  3 passes  4 served  5 bought  6 holds  7 outbox  8 answers of this buyer  9 the order
--       10 idle  11 totals
-- ARGV  1 order id  2 event id  3 buyer  4 Idempotency-Key  5 hash of the request
--       6 most entries in the outbox  7 most orders a buyer  8.. sku, quantity, sku, quantity, ...
-- Answers
--   {"HELD", order id, total, expires_at_ms}   also when this key was answered before
--   {"KEY_REUSED"} {"SOLD_OUT", sku, available} {"UNKNOWN_SKU", sku} {"PAUSED"} {"CLOSED"}
--   {"NO_PASS"} {"LIMIT", tickets held and bought, limit} {"TOO_MANY"} {"BUSY"}
--   {"SKU_NOT_ON_SALE", sku, from ms, until ms}   0: no such limit
--   {"SKU_LIMIT", sku, tickets of it held and bought, limit}
local sale = redis.call('HMGET', KEYS[1], 'state', 'max_per_buyer', 'hold_ttl_seconds', 'currency', 'stopped_ms',
    'sku_rules')

local answered = redis.call('HGET', KEYS[8], ARGV[4])
if answered then
    local order, hash, total, expires_at_ms = string.match(answered, '^(%S+) (%S+) (%d+) (%d+)$')
    if hash ~= ARGV[5] then return {'KEY_REUSED'} end
    return {'HELD', order, tonumber(total), tonumber(expires_at_ms)}
end

-- Sold out leaves first: in a sale that is what most calls come to.
local lines, tickets, total = {}, 0, 0
for i = 8, #ARGV, 2 do
    local sku, quantity = ARGV[i], tonumber(ARGV[i + 1])
    local stock = redis.call('HMGET', KEYS[2], sku .. ':available', sku .. ':price')
    if not stock[1] then return {'UNKNOWN_SKU', sku} end
    local available = tonumber(stock[1])
    if available == 0 then return {'SOLD_OUT', sku, 0} end
    lines[#lines + 1] = {sku = sku, quantity = quantity, price = tonumber(stock[2]), available = available}
    tickets = tickets + quantity
    total = total + quantity * tonumber(stock[2])
end

if sale[1] == 'paused' then return {'PAUSED'} end
if sale[1] == 'closed' then return {'CLOSED'} end
local buyer = ARGV[3]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- passes and holds end by the sale's clock, which stands still while it is paused
local stopped_ms = tonumber(sale[5] or 0)
local pass_end = redis.call('ZSCORE', KEYS[3], buyer) or redis.call('ZSCORE', KEYS[4], buyer)
if not pass_end or tonumber(pass_end) <= now_ms - stopped_ms then return {'NO_PASS'} end

local has = tonumber(redis.call('HGET', KEYS[5], buyer) or 0)
if has + tickets > tonumber(sale[2]) then return {'LIMIT', has, tonumber(sale[2])} end
for _, line in ipairs(lines) do
    local limit, from_ms, until_ms = rule_of(sale[6], line.sku)
    -- times that people were told: a pause does not move them
    if now_ms < (from_ms or 0) or now_ms >= (until_ms or math.huge) then
        return {'SKU_NOT_ON_SALE', line.sku, from_ms or 0, until_ms or 0}
    end
    local had = limit and has > 0 and has_of_sku(KEYS[8], line.sku) or 0
    if limit and had + line.quantity > limit then return {'SKU_LIMIT', line.sku, had, limit} end
end
for _, line in ipairs(lines) do
    if line.available < line.quantity then return {'SOLD_OUT', line.sku, line.available} end
end
if redis.call('HLEN', KEYS[8]) >= tonumber(ARGV[7]) then return {'TOO_MANY'} end
if redis.call('XLEN', KEYS[7]) >= tonumber(ARGV[6]) then return {'BUSY'} end

local expires_at_ms = now_ms + tonumber(sale[3]) * 1000
local items = {}
for i, line in ipairs(lines) do
    redis.call('HINCRBY', KEYS[2], line.sku .. ':available', -line.quantity)
    redis.call('HINCRBY', KEYS[2], line.sku .. ':held', line.quantity)
    items[i] = line.sku .. ':' .. line.quantity .. ':' .. line.price
end
items = table.concat(items, ',')
-- tostring() would write a total above 10^14 as 1e+14
total = string.format('%.0f', total)
expires_at_ms = string.format('%.0f', expires_at_ms)
local placed_at_ms = string.format('%.0f', now_ms)
redis.call('HINCRBY', KEYS[5], buyer, tickets)
redis.call('SREM', KEYS[10], buyer)
redis.call('HINCRBY', KEYS[11], 'placed', 1)
redis.call('ZADD', KEYS[6], string.format('%.0f', expires_at_ms - stopped_ms), ARGV[1])
redis.call('HSET', KEYS[9], 'buyer', buyer, 'items', items, 'tickets', tickets, 'total', total,
    'currency', sale[4], 'status', 'HELD', 'version', 0, 'claim', 'held',
    'placed_at_ms', placed_at_ms, 'expires_at_ms', expires_at_ms)
if stopped_ms > 0 then redis.call('HSET', KEYS[9], 'stopped_ms', sale[5]) end
redis.call('HSET', KEYS[8], ARGV[4], ARGV[1] .. ' ' .. ARGV[5] .. ' ' .. total .. ' ' .. expires_at_ms)
redis.call('XADD', KEYS[7], '*', 'type', 'OrderPlaced', 'order_id', ARGV[1], 'event_id', ARGV[2],
    'buyer', buyer, 'items', items, 'total', total, 'currency', sale[4],
    'at_ms', placed_at_ms, 'expires_at_ms', expires_at_ms, 'key', ARGV[4], 'hash', ARGV[5])
return {'HELD', ARGV[1], tonumber(total), tonumber(expires_at_ms)}

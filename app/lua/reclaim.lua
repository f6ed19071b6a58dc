#!lua flags=allow-oom
-- Late money: takes the stock of an order that gave it up out of sale again, if it is still there.
-- Idempotent: an order that has its stock answers "RECLAIMED". settle.lua makes it sold, or gives it back.
--
-- KEYS  1 sale  2 stock  3 holds  4 bought  5 the order  6 idle
-- ARGV  1 order id
-- Answers  "RECLAIMED"  "GONE"  "UNKNOWN" (Redis has lost the order: it cannot say)
local order = redis.call('HMGET', KEYS[5], 'buyer', 'items', 'tickets', 'claim', 'expires_at_ms', 'stopped_ms')
if not order[1] then return 'UNKNOWN' end
if order[4] ~= 'none' then return 'RECLAIMED' end
local sale = redis.call('HMGET', KEYS[1], 'max_per_buyer', 'called_off', 'sku_rules')
if sale[2] then return 'GONE' end
local limit = tonumber(sale[1])
if tonumber(redis.call('HGET', KEYS[4], order[1]) or 0) + tonumber(order[3]) > limit then return 'GONE' end
local answers = string.gsub(KEYS[5], 'order:.*', 'answers:' .. order[1])
for sku, quantity in string.gmatch(order[2], '(%d+):(%d+):%d+') do
    local limit_of_sku = rule_of(sale[3], sku)
    if limit_of_sku and has_of_sku(answers, sku) + quantity > limit_of_sku then return 'GONE' end
    if tonumber(redis.call('HGET', KEYS[2], sku .. ':available')) < tonumber(quantity) then return 'GONE' end
end
for sku, quantity in string.gmatch(order[2], '(%d+):(%d+):%d+') do
    redis.call('HINCRBY', KEYS[2], sku .. ':available', -quantity)
    redis.call('HINCRBY', KEYS[2], sku .. ':held', quantity)
end
redis.call('HINCRBY', KEYS[4], order[1], order[3])
redis.call('SREM', KEYS[6], order[1])
redis.call('ZADD', KEYS[3], order[5] - (order[6] or 0), ARGV[1])
redis.call('HSET', KEYS[5], 'claim', 'held')
return 'RECLAIMED'

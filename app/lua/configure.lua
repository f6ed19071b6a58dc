#!lua flags=allow-oom
-- Changes the settings of a sale, its stock and its prices: all of it or nothing. Asked again, it changes nothing more.
-- A capacity is given as it shall be; what is held or sold stays so.
--
-- KEYS  1 sale  2 stock
-- ARGV  1 channel for live news  2 how many fields of the sale
--       then field, value, ... of the sale ("" takes a field away)  then sku, capacity, price, ...
-- Answers  "DONE", {"IN_USE", sku, how many of it are held or sold}, "NOT_SCHEDULED" (its opening is over),
--   or "OVER" (it was cleared away)
local sale = redis.call('HMGET', KEYS[1], 'state', 'over')
if sale[2] then return 'OVER' end
local fields = 2 * tonumber(ARGV[2])
for i = 3, 2 + fields, 2 do
    if ARGV[i] == 'opens_at_ms' and sale[1] ~= 'scheduled' then return 'NOT_SCHEDULED' end
end
for i = 3 + fields, #ARGV, 3 do
    local stock = redis.call('HMGET', KEYS[2], ARGV[i] .. ':capacity', ARGV[i] .. ':available')
    local taken = tonumber(stock[1] or 0) - tonumber(stock[2] or 0)
    if tonumber(ARGV[i + 1]) < taken then return {'IN_USE', ARGV[i], taken} end
end
for i = 3, 2 + fields, 2 do
    if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i])
    else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
for i = 3 + fields, #ARGV, 3 do
    local sku, capacity = ARGV[i], tonumber(ARGV[i + 1])
    local more = capacity - tonumber(redis.call('HGET', KEYS[2], sku .. ':capacity') or 0)
    redis.call('HINCRBY', KEYS[2], sku .. ':capacity', more)
    redis.call('HINCRBY', KEYS[2], sku .. ':available', more)
    redis.call('HINCRBY', KEYS[2], sku .. ':held', 0)
    redis.call('HINCRBY', KEYS[2], sku .. ':sold', 0)
    redis.call('HSET', KEYS[2], sku .. ':price', ARGV[i + 2])
end
redis.call('PUBLISH', ARGV[1], cjson.encode({kind = 'sale'}))
return 'DONE'

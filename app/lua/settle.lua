#!lua flags=allow-oom
-- What the books now say of some orders of one event: stock follows, and whoever watches is told.
-- Idempotent: stock moves from the claim an order has to the claim it should have, so a repeat moves nothing.
-- Settling is never refused for want of memory: it is what makes room again.
--
-- KEYS  1 stock  2 holds  3 bought  4 passes  5 served  6 outbox  7 sale  8 idle  9 totals  10.. the orders
-- ARGV  1 channel for live news  2 consumer group of the outbox  3 how many orders
--       then for each order: order id, status, version, claim ("held", "sold" or "none"), end ms by the books,
--       the lines it takes where some of its tickets are on sale again ("": all of them)
--       then the outbox entries whose facts are in the books
-- Answers  how many orders take stock in the books and are not known here: Redis has lost something
local missing, news = 0, {}
-- takes lines out of what is available, or (sign -1) puts them there; how many tickets a buyer has more by it
local function move(claim, lines, sign)
    local tickets = 0
    if claim == 'none' then return 0 end
    for sku, quantity in string.gmatch(lines, '(%d+):(%d+):%d+') do
        redis.call('HINCRBY', KEYS[1], sku .. ':available', -sign * quantity)
        redis.call('HINCRBY', KEYS[1], sku .. ':' .. claim, sign * quantity)
        tickets = tickets + sign * quantity
    end
    return tickets
end
local sale = redis.call('HMGET', KEYS[7], 'stopped_ms', 'paused_at_ms')
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local stopped_ms = tonumber(sale[1] or 0) + (sale[2] and now_ms - tonumber(sale[2]) or 0)
local count = tonumber(ARGV[3])
for i = 1, count do
    local key = KEYS[9 + i]
    local id, status, version, claim, end_ms, takes = unpack(ARGV, 6 * i - 2, 6 * i + 3)
    local order = redis.call('HMGET', key, 'buyer', 'items', 'takes', 'claim', 'version', 'total',
        'expires_at_ms', 'stopped_ms', 'status')
    if not order[1] then
        if claim ~= 'none' then missing = missing + 1 end
    elseif tonumber(version) >= tonumber(order[5]) then
        local buyer, was = order[1], order[4]
        -- a review ends when the books say, anything else when the later of both says: an extended hold reaches
        -- the books after Redis, and a Redis that was rebuilt after the books
        if status ~= 'REVIEW' and tonumber(order[7]) > tonumber(end_ms) then end_ms = order[7] end
        local took = order[3] or ''
        if was ~= claim or took ~= takes then
            local more = move(claim, takes ~= '' and takes or order[2], 1)
                + move(was, took ~= '' and took or order[2], -1)
            local has = redis.call('HINCRBY', KEYS[3], buyer, more)
            if more > 0 then
                redis.call('SREM', KEYS[8], buyer)
            elseif more < 0 and has == 0 and redis.call('ZSCORE', KEYS[4], buyer) then
                redis.call('SADD', KEYS[8], buyer)
            end
            if was == 'held' then redis.call('ZREM', KEYS[2], id) end
            -- who has bought takes no seat any more, and may go on shopping until the pass ends
            local pass_end = claim == 'sold' and redis.call('ZSCORE', KEYS[4], buyer)
            if pass_end then
                redis.call('ZREM', KEYS[4], buyer)
                redis.call('ZADD', KEYS[5], pass_end, buyer)
            end
        end
        if claim == 'held' and (was ~= 'held' or end_ms ~= order[7]) then
            redis.call('ZADD', KEYS[2], end_ms - (order[8] or 0), id)
        end
        if order[9] ~= status then redis.call('HINCRBY', KEYS[9], status, 1) end
        redis.call('HSET', key, 'status', status, 'version', version, 'claim', claim, 'expires_at_ms', end_ms)
        if took ~= takes then redis.call('HSET', key, 'takes', takes) end
        -- a hold ends later by as long as the sale has been paused since it was made
        local longer_ms = claim == 'held' and stopped_ms - (order[8] or 0) or 0
        news[#news + 1] = {order_id = id, buyer = buyer, status = status, version = tonumber(version),
            total = tonumber(order[6]), expires_at_ms = tonumber(end_ms) + longer_ms}
    end
end
for i = 4 + 6 * count, #ARGV do
    redis.call('XACK', KEYS[6], ARGV[2], ARGV[i])
    redis.call('XDEL', KEYS[6], ARGV[i])
end
if #news > 0 then
    redis.call('PUBLISH', ARGV[1], cjson.encode({kind = 'orders', orders = news}))
end
return missing

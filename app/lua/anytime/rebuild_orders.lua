-- Puts orders into Redis as the books, or the outbox, have them: record, answer, stock, hold and the buyer's limit.
-- During a rebuild each order may come again, with what has become of it meanwhile. In a sale that is ready, only
-- orders that Redis does not know are put there, and only if their tickets are.
--
-- KEYS  1 sale  2 stock  3 holds  4 bought  then for each order: the order, answers of its buyer
-- ARGV  1 name of the rebuild, "" for a sale that is ready  2 how many orders
--       then for each: id, buyer, items, tickets, total, currency, status, version, claim, placed_at_ms,
--       expires_at_ms, how long the sale had been paused before, Idempotency-Key, hash of the request,
--       the end that the buyer was answered with, "1" if the buyer got more time to pay,
--       the lines it takes where some of its tickets are on sale again ("": all of them)
-- Answers  "STALE" (another rebuild began, or the sale is not ready), or
--   {orders whose tickets are not there: they are known now, and hold nothing}
local FIELDS = 17
local sale = redis.call('HMGET', KEYS[1], 'ready', 'rebuild')
local name = ARGV[1]
if name == '' and sale[1] ~= '1' or name ~= '' and sale[2] ~= name then return 'STALE' end
-- takes lines out of what is available, or (sign -1) puts them there, and the buyer's limit with them
local function move(claim, lines, buyer, sign)
    if claim == 'none' then return end
    for sku, quantity in string.gmatch(lines, '(%d+):(%d+):%d+') do
        redis.call('HINCRBY', KEYS[2], sku .. ':available', -sign * quantity)
        redis.call('HINCRBY', KEYS[2], sku .. ':' .. claim, sign * quantity)
        redis.call('HINCRBY', KEYS[4], buyer, sign * quantity)
    end
end
local homeless = {}
for i = 1, tonumber(ARGV[2]) do
    local id, buyer, items, tickets, total, currency, status, version, claim, placed_at_ms, expires_at_ms, stopped_ms,
        key, hash, answered_ms, extended, takes = unpack(ARGV, 3 + FIELDS * (i - 1), 2 + FIELDS * i)
    local record = KEYS[3 + 2 * i]
    local known = redis.call('HMGET', record, 'claim', 'rebuild', 'takes')
    if name ~= '' or not known[1] then
        local was = name ~= '' and known[2] == name and known[1] or 'none'
        local took = was ~= 'none' and known[3] or ''
        if was == 'none' and claim ~= 'none' then
            for sku, quantity in string.gmatch(takes ~= '' and takes or items, '(%d+):(%d+):%d+') do
                if tonumber(redis.call('HGET', KEYS[2], sku .. ':available') or 0) < tonumber(quantity) then
                    homeless[#homeless + 1] = id
                    claim = 'none'
                    break
                end
            end
        end
        if was ~= claim or took ~= takes then
            move(was, took ~= '' and took or items, buyer, -1)
            move(claim, takes ~= '' and takes or items, buyer, 1)
        end
        if claim == 'held' then
            redis.call('ZADD', KEYS[3], string.format('%.0f', expires_at_ms - stopped_ms), id)
        elseif was == 'held' then
            redis.call('ZREM', KEYS[3], id)
        end
        redis.call('HSET', record, 'buyer', buyer, 'items', items, 'tickets', tickets, 'total', total,
            'currency', currency, 'status', status, 'version', version, 'claim', claim,
            'placed_at_ms', placed_at_ms, 'expires_at_ms', expires_at_ms)
        if takes ~= '' or known[3] then redis.call('HSET', record, 'takes', takes) end
        if stopped_ms ~= '0' then redis.call('HSET', record, 'stopped_ms', stopped_ms) end
        if extended == '1' then redis.call('HSETNX', record, 'extended', '-') end
        if name ~= '' then redis.call('HSET', record, 'rebuild', name) end
        redis.call('HSET', KEYS[4 + 2 * i], key, id .. ' ' .. hash .. ' ' .. total .. ' ' .. answered_ms)
    end
end
return homeless

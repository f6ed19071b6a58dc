-- What an event's stock, holds and buyers come to, at one instant. The bounds keep the pause short that this means
-- for everybody else.
--
-- KEYS  1 sale  2 stock  3 holds  4 bought
-- ARGV  1 what the keys of the event's orders begin with  2 most holds to look at  3 most buyers to look at
--       4 most orders and buyers to name
-- Answers
--   {{stock field, value, ...}, how many holds, how many of them were looked at, {sku, held by those, ...},
--    {orders with a hold whose record is missing or does not claim "held"}, how many buyers,
--    tickets held and bought by all of them (-1: too many buyers to look at), {buyers below zero or over the limit}}
local most_named = tonumber(ARGV[4])

local holds = redis.call('ZRANGE', KEYS[3], 0, tonumber(ARGV[2]) - 1)
local held, strange = {}, {}
for _, id in ipairs(holds) do
    local order = redis.call('HMGET', ARGV[1] .. id, 'claim', 'items')
    if order[1] == 'held' and order[2] then
        for sku, quantity in string.gmatch(order[2], '(%d+):(%d+):%d+') do
            held[sku] = (held[sku] or 0) + tonumber(quantity)
        end
    elseif #strange < most_named then
        strange[#strange + 1] = id
    end
end
local held_by_sku = {}
for sku, quantity in pairs(held) do
    held_by_sku[#held_by_sku + 1] = sku
    held_by_sku[#held_by_sku + 1] = quantity
end

local buyers, tickets, over = redis.call('HLEN', KEYS[4]), -1, {}
if buyers <= tonumber(ARGV[3]) then
    tickets = 0
    local least, most = 0, 0
    for _, quantity in ipairs(redis.call('HVALS', KEYS[4])) do
        quantity = tonumber(quantity)
        tickets = tickets + quantity
        if quantity < least then least = quantity end
        if quantity > most then most = quantity end
    end
    local limit = tonumber(redis.call('HGET', KEYS[1], 'max_per_buyer'))
    if least < 0 or most > limit then
        local bought = redis.call('HGETALL', KEYS[4])
        for i = 1, #bought, 2 do
            local quantity = tonumber(bought[i + 1])
            if (quantity < 0 or quantity > limit) and #over < most_named then over[#over + 1] = bought[i] end
        end
    end
end
return {redis.call('HGETALL', KEYS[2]), redis.call('ZCARD', KEYS[3]), #holds, held_by_sku, strange,
    buyers, tickets, over}

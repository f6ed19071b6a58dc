-- The rules that a kind of ticket has of its own, beside those of the event. app/infra/scripts.py puts this in front of
-- the scripts that give stock.
--
-- `rules` is the field sku_rules of the sale: ",sku:limit:from ms:until ms,", each part but the first may be empty.
-- Their own limit, counted from what the buyer's orders take: there are few of them, and nothing more has to be kept.
local function rule_of(rules, sku)
    local limit, from_ms, until_ms = string.match(rules or '', ',' .. sku .. ':(%d*):(%d*):(%d*),')
    return tonumber(limit), tonumber(from_ms), tonumber(until_ms)
end
-- How many tickets of a sku a buyer holds and bought. `answers` is the key of the answers of this buyer.
local function has_of_sku(answers, sku)
    local place, has = string.match(answers, '^(.-:)answers:'), 0
    for _, answer in ipairs(redis.call('HVALS', answers)) do
        local id = string.match(answer, '^%S+')
        local order = redis.call('HMGET', place .. 'order:' .. id, 'claim', 'items', 'takes')
        if order[1] and order[1] ~= 'none' then
            local lines = order[3] and order[3] ~= '' and order[3] or order[2]
            for one, quantity in string.gmatch(lines, '(%d+):(%d+):%d+') do
                if one == sku then has = has + tonumber(quantity) end
            end
        end
    end
    return has
end

-- A page of an event's holds or buyers, for a sale too big to be looked at in one instant.
--
-- KEYS  1 holds or bought
-- ARGV  1 "holds" or "bought"  2 what the keys of the event's orders begin with  3 where to go on ("0": begin)
--       4 about how many
-- Answers  {where to go on ("0": this was the last page), {order, its items, ... or buyer, tickets, ...}}
--   The items are empty for a hold whose record is missing or does not claim "held".
if ARGV[1] == 'bought' then
    return redis.call('HSCAN', KEYS[1], ARGV[3], 'COUNT', ARGV[4])
end
local page = redis.call('ZSCAN', KEYS[1], ARGV[3], 'COUNT', ARGV[4])
local found = page[2]
for i = 1, #found, 2 do
    local order = redis.call('HMGET', ARGV[2] .. found[i], 'claim', 'items')
    found[i + 1] = order[1] == 'held' and order[2] or ''
end
return page

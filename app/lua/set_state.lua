-- Opens, pauses or closes a sale. Opening one with buyers in its lobby makes its time come now: they are drawn first.
--
-- KEYS  1 sale  2 lobby
-- ARGV  1 "open", "paused" or "closed"  2 the organiser's words while paused  3 channel for live news
-- Answers  "DONE", "NOT_READY", or "NOT_OPEN" (only an open sale can be paused)
local sale = redis.call('HMGET', KEYS[1], 'ready', 'state')
if sale[1] ~= '1' then return 'NOT_READY' end
local state = ARGV[1]
if state == 'paused' and sale[2] ~= 'open' and sale[2] ~= 'paused' then return 'NOT_OPEN' end
if state == 'open' and (sale[2] == 'scheduled' or redis.call('EXISTS', KEYS[2]) == 1) then
    local time = redis.call('TIME')
    redis.call('HSET', KEYS[1], 'state', 'scheduled', 'opens_at_ms', string.format('%.0f', time[1] * 1000))
elseif not (state == 'open' and sale[2] == 'drawing') then
    redis.call('HSET', KEYS[1], 'state', state, 'notice', ARGV[2])
end
redis.call('PUBLISH', ARGV[3], cjson.encode({kind = 'sale'}))
return 'DONE'

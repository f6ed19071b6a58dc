#!lua flags=allow-oom
-- The sale's time has come: the lobby is frozen, and the next numbers are kept for those in it.
-- Whoever arrives from now on gets a later number.
--
-- KEYS  1 sale  2 lobby  3 entrants  4 number
-- Answers  -1 (not yet, or nothing to draw), else the last number given before this draw
--   (the same again when a draw was begun and not ended)
local sale = redis.call('HMGET', KEYS[1], 'state', 'opens_at_ms', 'drawn_after')
if sale[1] == 'drawing' then return tonumber(sale[3]) end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if sale[1] ~= 'scheduled' or now_ms < tonumber(sale[2]) then return -1 end
local drawn_after = tonumber(redis.call('GET', KEYS[4]) or 0)
redis.call('HSET', KEYS[1], 'state', 'drawing', 'drawn_after', drawn_after)
if redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('RENAME', KEYS[2], KEYS[3])
    redis.call('INCRBY', KEYS[4], redis.call('ZCARD', KEYS[3]))
end
return drawn_after

#!lua flags=allow-oom
-- Opens, pauses or closes a sale. Opening one with buyers in its lobby makes its time come now: they are drawn first.
-- What is asked for while a draw is going on happens when it ends.
-- While a sale is paused its clock stands still: passes and holds end later by as long as the pause was.
--
-- KEYS  1 sale  2 lobby  3 flow
-- ARGV  1 "open", "paused" or "closed"  2 the organiser's words while paused  3 channel for live news
-- Answers  "DONE", "NOT_OPEN" (only an open sale can be paused), or "OVER" (it was cleared away, or called off)
local sale = redis.call('HMGET', KEYS[1], 'state', 'stopped_ms', 'paused_at_ms', 'pauses', 'over', 'called_off')
local wanted, was = ARGV[1], sale[1]
if sale[5] or sale[6] and wanted ~= 'closed' then return 'OVER' end
if wanted == 'paused' and was ~= 'open' and was ~= 'paused' and was ~= 'drawing' then return 'NOT_OPEN' end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local now = string.format('%.0f', now_ms)

if was == 'drawing' then
    redis.call('HSET', KEYS[1], 'after_draw', wanted, 'after_draw_notice', ARGV[2])
elseif wanted == 'open' and (was == 'scheduled' or redis.call('EXISTS', KEYS[2]) == 1) then
    redis.call('HSET', KEYS[1], 'state', 'scheduled', 'opens_at_ms', now)
else
    redis.call('HSET', KEYS[1], 'state', wanted, 'notice', ARGV[2])
    if was == 'paused' and wanted ~= 'paused' then
        local stopped_ms = tonumber(sale[2] or 0) + math.max(0, now_ms - tonumber(sale[3]))
        redis.call('HSET', KEYS[1], 'stopped_ms', string.format('%.0f', stopped_ms),
            'pauses', (sale[4] and sale[4] .. ',' or '') .. sale[3] .. '-' .. now)
        redis.call('HDEL', KEYS[1], 'paused_at_ms')
    elseif wanted == 'paused' and was ~= 'paused' then
        redis.call('HSET', KEYS[1], 'paused_at_ms', now)
    end
    if wanted == 'closed' and was ~= 'closed' then redis.call('HSET', KEYS[1], 'closed_at_ms', now) end
    if wanted == 'open' and was ~= 'open' then
        redis.call('HSET', KEYS[1], 'measured_since_ms', now, 'refilled_at_ms', now)
        redis.call('UNLINK', KEYS[3])
    end
end
redis.call('PUBLISH', ARGV[3], cjson.encode({kind = 'sale'}))
return 'DONE'

-- A buyer needs more time to choose: a pass ends later, once, by as long as it was given for.
--
-- KEYS  1 sale  2 passes  3 served  4 extended  5 numbers
-- ARGV  1 buyer  2 Idempotency-Key ("-" for none)  3 channel for live news
-- Answers  {"EXTENDED", end ms} with the pauses in it; the same again for the same key
--   {"ALREADY", end ms} {"NO_PASS"} (there is none, or it has ended)
local sale = redis.call('HMGET', KEYS[1], 'pass_ttl_seconds', 'stopped_ms', 'paused_at_ms')
local buyer = ARGV[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
-- while the sale is paused its clock stands still, so what is left of a pass stays
local behind_ms = tonumber(sale[2] or 0) + (sale[3] and now_ms - tonumber(sale[3]) or 0)
local room = redis.call('ZSCORE', KEYS[2], buyer) and KEYS[2] or KEYS[3]
local end_ms = tonumber(redis.call('ZSCORE', room, buyer) or 0)
if end_ms + behind_ms <= now_ms then return {'NO_PASS'} end
-- what is noted is the end it led to: a later pass has another one
local known_end, known_key = string.match(redis.call('HGET', KEYS[4], buyer) or '', '^(%d+) (.*)$')
if tonumber(known_end) == end_ms then
    return {known_key ~= '-' and known_key == ARGV[2] and 'EXTENDED' or 'ALREADY', end_ms + behind_ms}
end
end_ms = end_ms + tonumber(sale[1]) * 1000
local written = string.format('%.0f', end_ms)
redis.call('ZADD', room, written, buyer)
redis.call('HSET', KEYS[4], buyer, written .. ' ' .. ARGV[2])
redis.call('PUBLISH', ARGV[3], cjson.encode({kind = 'admitted', buyers = {buyer},
    numbers = {tonumber(redis.call('HGET', KEYS[5], buyer) or 0)}, expires_at_ms = end_ms + behind_ms}))
return {'EXTENDED', end_ms + behind_ms}

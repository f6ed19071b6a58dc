-- A web process says that it has just reported everybody who is here. Who is parked depends on it: nobody is, before
-- every process has reported for a whole grace period.
--
-- KEYS  1 presence
-- ARGV  1 process  2 a silence in ms after which it begins anew  3 a silence in ms after which a process is forgotten
-- Answers  since when it has reported, ms
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local since_ms = now_ms
local known = redis.call('HGETALL', KEYS[1])
for i = 1, #known, 2 do
    local since, at = string.match(known[i + 1], '^(%d+) (%d+)$')
    if known[i] == ARGV[1] then
        if now_ms - at <= tonumber(ARGV[2]) then since_ms = tonumber(since) end
    elseif now_ms - at > tonumber(ARGV[3]) then
        redis.call('HDEL', KEYS[1], known[i])
    end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', since_ms, now_ms))
return since_ms

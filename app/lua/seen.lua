-- Notes that these buyers are here. By Redis's clock, whatever the caller's says, and never back in time.
--
-- KEYS  1 seen
-- ARGV  1.. buyers, 500 at most
-- Answers  1
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local scored = {}
for i, buyer in ipairs(ARGV) do
    scored[2 * i - 1] = now_ms
    scored[2 * i] = buyer
end
redis.call('ZADD', KEYS[1], 'GT', unpack(scored))
return 1

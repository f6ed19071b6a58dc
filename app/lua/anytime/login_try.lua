#!lua flags=allow-oom
-- Counts a try to sign in, unless one of its counters is full. Before the password is looked at, and in one step:
-- a hundred tries at once are as many as a hundred in a row. A try that is refused is not counted.
--
-- KEYS  the counters of this try, all under one hash tag
-- ARGV  for each counter: 1 its limit  2 after how many milliseconds it begins anew
-- Answers  {'OK'}, or {'WAIT', milliseconds until none of them is full}
local wait_ms = 0
for i, key in ipairs(KEYS) do
    if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[2 * i - 1]) then
        wait_ms = math.max(wait_ms, redis.call('PTTL', key), 1)
    end
end
if wait_ms > 0 then return {'WAIT', wait_ms} end
for i, key in ipairs(KEYS) do
    if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
end
return {'OK'}

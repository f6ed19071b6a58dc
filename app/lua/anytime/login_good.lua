#!lua flags=allow-oom
-- The password was right: its try counts no more, and neither do the earlier ones of the first counter.
--
-- KEYS  the counters of this try, as in login_try.lua
-- ARGV  none
-- Answers  1
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do
    if tonumber(redis.call('GET', KEYS[i]) or 0) > 0 then redis.call('DECR', KEYS[i]) end
end
return 1

#!lua flags=allow-oom
-- Has the next buyers come in whatever rate and room say: admit.lua does it at its next turns. What is not used within
-- some seconds, for want of buyers, is void. Asked again meanwhile, the latest number counts.
--
-- KEYS  1 sale  2 queue
-- ARGV  1 how many  2 for how many ms
-- Answers  {"DONE", how many wait}, or "NOT_OPEN"
if redis.call('HGET', KEYS[1], 'state') ~= 'open' then return 'NOT_OPEN' end
local time = redis.call('TIME')
local until_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'extra', ARGV[1], 'extra_until_ms', string.format('%.0f', until_ms))
return {'DONE', redis.call('ZCARD', KEYS[2])}

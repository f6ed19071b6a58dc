-- Orders whose hold has ended and is still there, a page of them, the earliest end first.
-- None while the sale is paused: its clock stands still.
--
-- KEYS  1 sale  2 holds
-- ARGV  1 how many to pass over  2 how many at most
-- Answers  {order id, end ms, order id, end ms, ...}, the end with the pauses in it
local sale = redis.call('HMGET', KEYS[1], 'state', 'stopped_ms')
if sale[1] == 'paused' then return {} end
local stopped_ms = tonumber(sale[2] or 0)
local time = redis.call('TIME')
local clock_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) - stopped_ms)
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', clock_ms, 'WITHSCORES', 'LIMIT', ARGV[1],
    ARGV[2])
for i = 2, #due, 2 do
    due[i] = string.format('%.0f', due[i] + stopped_ms)
end
return due

-- Orders whose hold has ended and is still there.
--
-- KEYS  1 holds
-- ARGV  1 how many at most
-- Answers  {order id, end ms, order id, end ms, ...}
local time = redis.call('TIME')
local now_ms = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now_ms, 'WITHSCORES', 'LIMIT', 0, ARGV[1])

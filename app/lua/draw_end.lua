-- Gives some of those in the lobby the number the draw found for them; the last call opens the sale.
-- Doing it again gives the same numbers to the same buyers.
--
-- KEYS  1 sale  2 queue  3 numbers
-- ARGV  1 "1" if this is the last call  2 channel for live news  3.. number, buyer, number, buyer, ...
-- Answers  "OPEN" or "MORE"; "STALE" when the draw is over
if redis.call('HGET', KEYS[1], 'state') ~= 'drawing' then return 'STALE' end
for i = 3, #ARGV, 2 do
    redis.call('ZADD', KEYS[2], ARGV[i], ARGV[i + 1])
    redis.call('HSET', KEYS[3], ARGV[i + 1], ARGV[i])
end
if ARGV[1] ~= '1' then return 'MORE' end
redis.call('HSET', KEYS[1], 'state', 'open')
redis.call('PUBLISH', ARGV[2], cjson.encode({kind = 'sale'}))
return 'OPEN'

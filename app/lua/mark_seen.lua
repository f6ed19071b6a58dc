-- Notes in bulk who is here, by the numbers of the queue and the arrivals of the lobby: one bit each, in buckets of
-- some seconds that Redis's clock chooses. A bit is only ever set, so nobody can be made to look away.
--
-- KEYS  1 sale
-- ARGV  1 length of a bucket in ms  2 how many seconds a bucket is kept  3 what the bucket's key begins with
--       4.. numbers, 2,000 at most
-- Answers  1
local time = redis.call('TIME')
local bucket = ARGV[3] .. string.format('%.0f', math.floor((time[1] * 1000 + math.floor(time[2] / 1000)) / ARGV[1]))
local bits = {}
for i = 4, #ARGV do
    local at = #bits
    bits[at + 1], bits[at + 2], bits[at + 3], bits[at + 4] = 'SET', 'u1', ARGV[i], '1'
    if #bits >= 4000 or i == #ARGV then
        redis.call('BITFIELD', bucket, unpack(bits))
        bits = {}
    end
end
redis.call('EXPIRE', bucket, ARGV[2])
return 1

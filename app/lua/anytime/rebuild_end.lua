-- A rebuild ends: the sale is ready again, in its new epoch and in this process of Redis.
--
-- KEYS  1 sale  2 number  3 totals
-- ARGV  1 name of the rebuild  2 a queue number above which none was given  3 how much had happened in the sale when
--       Redis was last looked at  4 channel for live news
--       5 how many fields of the sale  then field, value, ... of the sale  then field, value, ... of the totals
-- Answers  "READY", or "STALE" (another rebuild began)
local sale = redis.call('HMGET', KEYS[1], 'rebuild', 'state', 'closed_at_ms')
if sale[1] ~= ARGV[1] then return 'STALE' end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local fields = 2 * tonumber(ARGV[5])
redis.call('HDEL', KEYS[1], 'rebuild', 'paused_at_ms', 'stopped_ms', 'pauses')
redis.call('HSET', KEYS[1], unpack(ARGV, 6, 5 + fields))
local state = redis.call('HGET', KEYS[1], 'state')
-- the books have no name for a draw that was going on: it is ended by whoever draws
if sale[2] == 'drawing' and state == 'scheduled' then redis.call('HSET', KEYS[1], 'state', 'drawing') end
if state == 'closed' and not sale[3] then redis.call('HSET', KEYS[1], 'closed_at_ms', now) end

if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
for i = 6 + fields, #ARGV, 2 do
    if tonumber(redis.call('HGET', KEYS[3], ARGV[i]) or 0) < tonumber(ARGV[i + 1]) then
        redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
    end
end
local happened = 0
for _, count in ipairs(redis.call('HVALS', KEYS[3])) do happened = happened + count end
if happened < tonumber(ARGV[3]) then
    redis.call('HINCRBY', KEYS[3], 'before_rebuild', string.format('%.0f', ARGV[3] - happened))
end
-- Numbers up to this one may have been lost: come_back.lua gives them back to whoever can prove theirs.
redis.call('HSET', KEYS[1], 'ready', '1', 'rebuilt_number', redis.call('GET', KEYS[2]) or '0',
    'run_id', string.match(redis.call('INFO', 'server'), 'run_id:(%x+)'))
redis.call('PUBLISH', ARGV[4], cjson.encode({kind = 'rebuilt'}))
return 'READY'

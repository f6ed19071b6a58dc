-- A buyer joins the waiting room: the lobby before the sale opens, the queue's tail afterwards.
-- Joining again changes nothing, but a code may put somebody who waits into its band; place.lua brings a parked buyer
-- back in. A score is the buyer's number, less 1e9 for each band (app/sale/bands.py).
--
-- KEYS  1 sale  2 lobby  3 entrants  4 leavers  5 queue  6 parked  7 passes  8 served  9 number  10 arrivals
--       11 totals  12 idle  13 the joins of one address (GCRA: when its allowance is whole again, in ms)
--       14 codes  15 used codes  16 wrong codes of this address
--       18 joined_at (17 is of then_place.lua): when numbers were given, "ms" by number, about once a second and ever
--       more rarely in a long sale, so that it hardly grows. What people waited is told from it (admit.lua)
-- ARGV  1 buyer  2 how many may wait at most  3 joins a minute, and at once, of one address (0: any number)
--       4 wrong codes a minute of one address  5.. the hash of a presale code, by each key that it may have been
--       made with; none without a code
-- Answers  "JOINED"  "CLOSED"  "BUSY" (the waiting room is full, or is being drawn from)
--   {"TOO_MANY", ms until one more may join}: only somebody new counts, and only where there is room
--   "BAD_CODE"  "CODE_USED" (as often as it may be)  {"TOO_MANY_CODES", ms until the next may be tried}
local BAND, MOST_NOTED = 1000000000, 10000
local sale = redis.call('HMGET', KEYS[1], 'state', 'stopped_ms', 'paused_at_ms', 'note_joined_ms')
if sale[1] == 'closed' then return 'CLOSED' end
local buyer, code, band, uses_left = ARGV[1], nil, 0, 0
if #ARGV > 4 then
    if tonumber(redis.call('GET', KEYS[16]) or 0) >= tonumber(ARGV[4]) then
        return {'TOO_MANY_CODES', math.max(redis.call('PTTL', KEYS[16]), 1)}
    end
    for i = 5, #ARGV do
        local found = redis.call('HGET', KEYS[14], ARGV[i])
        if found then
            code, band, uses_left = ARGV[i], string.match(found, '^(%d+) (%d+)$')
            band, uses_left = tonumber(band), tonumber(uses_left)
            break
        end
    end
    if not code then
        if redis.call('INCR', KEYS[16]) == 1 then redis.call('PEXPIRE', KEYS[16], 60000) end
        return 'BAD_CODE'
    end
end
local function use_code()
    if not code then return end
    redis.call('HSET', KEYS[14], code, band .. ' ' .. uses_left - 1)
    redis.call('SADD', KEYS[15], code)
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local clock_ms = (tonumber(sale[3]) or now_ms) - tonumber(sale[2] or 0)

local pass_end = redis.call('ZSCORE', KEYS[7], buyer) or redis.call('ZSCORE', KEYS[8], buyer)
if pass_end and tonumber(pass_end) > clock_ms then return 'JOINED' end
if sale[1] == 'drawing' and redis.call('ZSCORE', KEYS[3], buyer)
    and redis.call('SISMEMBER', KEYS[4], buyer) == 0
then return code and 'BUSY' or 'JOINED' end
for _, room in ipairs({KEYS[5], KEYS[6], KEYS[2]}) do
    local score = redis.call('ZSCORE', room, buyer)
    if score then
        local better = band + math.floor(tonumber(score) / BAND)
        if better > 0 then
            if uses_left < 1 then return 'CODE_USED' end
            redis.call('ZADD', room, string.format('%.0f', score - better * BAND), buyer)
            use_code()
        end
        return 'JOINED'
    end
end
if code and uses_left < 1 then return 'CODE_USED' end

if pass_end then -- it has ended, and admission has not taken it back yet: nobody hears of that any more
    redis.call('ZREM', KEYS[7], buyer)
    redis.call('ZREM', KEYS[8], buyer)
    redis.call('SREM', KEYS[12], buyer)
end
local waiting = 0
for _, room in ipairs({KEYS[2], KEYS[3], KEYS[5], KEYS[6]}) do
    waiting = waiting + redis.call('ZCARD', room)
end
if waiting >= tonumber(ARGV[2]) then return 'BUSY' end
local per_minute = tonumber(ARGV[3])
if per_minute > 0 then
    local whole_ms = math.max(tonumber(redis.call('GET', KEYS[13]) or 0), now_ms) + math.ceil(60000 / per_minute)
    if whole_ms > now_ms + 60000 then return {'TOO_MANY', whole_ms - now_ms - 60000} end
    redis.call('SET', KEYS[13], whole_ms, 'PX', whole_ms - now_ms)
end
if sale[1] == 'scheduled' then
    redis.call('ZADD', KEYS[2], string.format('%.0f', redis.call('INCR', KEYS[10]) - band * BAND), buyer)
else
    local number = redis.call('INCR', KEYS[9])
    redis.call('ZADD', KEYS[5], string.format('%.0f', number - band * BAND), buyer)
    if now_ms >= tonumber(sale[4] or 0) then
        local noted = redis.call('ZCARD', KEYS[18])
        redis.call('ZADD', KEYS[18], number, string.format('%.0f', now_ms))
        redis.call('HSET', KEYS[1], 'note_joined_ms', string.format('%.0f', now_ms + 1000 + 2 * noted))
        if noted >= MOST_NOTED then redis.call('ZPOPMIN', KEYS[18]) end
    end
end
use_code()
redis.call('HINCRBY', KEYS[11], 'joined', 1)
return 'JOINED'

#!lua flags=allow-oom
-- Gives some of those in the lobby the number the draw found for them; the last call opens the sale, or does what
-- the organiser asked for meanwhile. Doing it again gives the same numbers to the same buyers.
-- Who left meanwhile gets none; who was seen in the lobby counts as seen in the queue.
-- The list of those who were drawn is kept until the books have it: then everybody can recompute the draw.
--
-- KEYS  1 sale  2 queue  3 entrants  4 leavers  5 drawn  6 joined_at (join.lua): whoever was drawn waits since the draw
-- ARGV  1 "1" if this is the last call  2 channel for live news  3 length of a presence bucket in ms
--       4 how many seconds a bucket is kept  5 what the keys of the queue's buckets begin with
--       6 the same for the lobby's  7 how many buckets to look back
--       8.. number, buyer, arrival (less 1e9 for each band), ... 1,000 buyers at most
-- Answers  the state of the sale afterwards ("drawing" while there is more); "STALE" when the draw is over
local sale = redis.call('HMGET', KEYS[1], 'state', 'after_draw', 'after_draw_notice')
if sale[1] ~= 'drawing' then return 'STALE' end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local leavers = redis.call('EXISTS', KEYS[4]) == 1
local placed, numbers, asked = {}, {}, {}
for i = 8, #ARGV, 3 do
    if not leavers or redis.call('SISMEMBER', KEYS[4], ARGV[i + 1]) == 0 then
        -- the lot decides the number; a presale code, which of all numbers are ahead
        local arrival = tonumber(ARGV[i + 2])
        local number_in_lobby = arrival % 1000000000
        local score = string.format('%.0f', ARGV[i] + arrival - number_in_lobby)
        placed[#placed + 1], placed[#placed + 2] = score, ARGV[i + 1]
        numbers[#numbers + 1] = ARGV[i]
        asked[#asked + 1], asked[#asked + 2], asked[#asked + 3] = 'GET', 'u1',
            string.format('%.0f', number_in_lobby)
    end
end
if #placed > 0 then
    redis.call('ZADD', KEYS[2], unpack(placed))
    local first = math.huge
    for _, number in ipairs(numbers) do first = math.min(first, tonumber(number)) end
    redis.call('ZADD', KEYS[6], first, string.format('%.0f', now_ms))
    local bucket = math.floor(now_ms / ARGV[3])
    for back = 0, tonumber(ARGV[7]) - 1 do
        local name = string.format('%.0f', bucket - back)
        local bits, seen = redis.call('BITFIELD_RO', ARGV[6] .. name, unpack(asked)), {}
        for at, bit in ipairs(bits) do
            if bit == 1 then
                local last = #seen
                seen[last + 1], seen[last + 2], seen[last + 3], seen[last + 4] = 'SET', 'u1', numbers[at], '1'
            end
        end
        if #seen > 0 then
            redis.call('BITFIELD', ARGV[5] .. name, unpack(seen))
            redis.call('EXPIRE', ARGV[5] .. name, ARGV[4])
        end
    end
end
if ARGV[1] ~= '1' then return 'drawing' end

local state = sale[2] or 'open'
local at = string.format('%.0f', now_ms)
redis.call('HSET', KEYS[1], 'state', state, 'notice', sale[3] or '', 'measured_since_ms', at, 'refilled_at_ms', at)
redis.call('HDEL', KEYS[1], 'after_draw', 'after_draw_notice')
if state == 'paused' then redis.call('HSET', KEYS[1], 'paused_at_ms', at) end
if state == 'closed' then redis.call('HSET', KEYS[1], 'closed_at_ms', at) end
redis.call('UNLINK', KEYS[4], KEYS[5])
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('RENAME', KEYS[3], KEYS[5]) end
redis.call('HSET', KEYS[1], 'draw_unpublished', '1')
redis.call('PUBLISH', ARGV[2], cjson.encode({kind = 'sale'}))
return state

#!lua flags=allow-oom
-- Lets the next buyers in. Ended passes are taken back first. Seats to give are the least of
--   rate: a token bucket that holds one second's worth (at least one),
--   room: active passes the event allows, less those there are,
--   stock: available tickets that are on sale now, times the overbooking factor, less the passes that hold nothing yet;
-- or as many as an organiser said (admit_now.lua).
-- A buyer who was not seen for the grace period is parked: the number stays theirs, and nobody waits for them.
-- What it costs depends on how many it looks at, never on how many wait, shop or have bought.
-- While the sale is paused its clock stands still, and nothing happens.
--
-- KEYS  1 sale  2 stock  3 queue  4 parked  5 passes  6 idle  7 served  8 numbers  9 bought  10 flow  11 totals
--       12 joined_at (join.lua)
-- ARGV  1 overbooking factor, unless the sale has its own  2 most to look at in one call  3 channel for live news
--       4 "1" if buyers may be parked  5 grace ms  6 length of a presence bucket in ms
--       7 what the keys of those buckets begin with  8 what part of the rate is let in, from 0 to 1
--       9 what the keys of waits begin with: by the minute, how many waited how long (app/sale/waits.py)
--       10 how much longer each bucket of them is than the one before  11 the last bucket  12 seconds they are kept
-- Answers  {how many were let in, lapsed, parked, 1 if there is more to do at once, bucket, how many, bucket, ...}
local sale = redis.call('HMGET', KEYS[1], 'state', 'rate_per_minute', 'room', 'pass_ttl_seconds',
    'tokens', 'refilled_at_ms', 'stopped_ms', 'measured_since_ms', 'overbooking', 'extra', 'extra_until_ms',
    'sku_rules')
if sale[1] == 'paused' then return {0, 0, 0, 0} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local clock_ms = now_ms - tonumber(sale[7] or 0)
local most = tonumber(ARGV[2])

local lapsed = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', clock_ms, 'LIMIT', 0, most)
if #lapsed > 0 then
    redis.call('ZREM', KEYS[5], unpack(lapsed))
    redis.call('SREM', KEYS[6], unpack(lapsed))
    redis.call('HINCRBY', KEYS[11], 'passes_lapsed', #lapsed)
    redis.call('PUBLISH', ARGV[3], cjson.encode({kind = 'lapsed', buyers = lapsed}))
end
local served = redis.call('ZRANGEBYSCORE', KEYS[7], '-inf', clock_ms, 'LIMIT', 0, most)
if #served > 0 then redis.call('ZREM', KEYS[7], unpack(served)) end
local more = (#lapsed == most or #served == most) and 1 or 0
if sale[1] ~= 'open' then return {0, #lapsed, 0, more} end

local rate_per_ms = tonumber(sale[2]) / 60000 * tonumber(ARGV[8])
local burst = math.max(1, rate_per_ms * 1000)
local elapsed_ms = now_ms - tonumber(sale[6] or now_ms)
local tokens = math.min(burst, tonumber(sale[5] or 1) + math.max(0, elapsed_ms) * rate_per_ms)
local available, held, on_sale = 0, 0, 0
local stock = redis.call('HGETALL', KEYS[2])
for i = 1, #stock, 2 do
    if string.sub(stock[i], -10) == ':available' then
        local _, from_ms, until_ms = rule_of(sale[12], string.match(stock[i], '%d+'))
        available = available + tonumber(stock[i + 1])
        if now_ms >= (from_ms or 0) and now_ms < (until_ms or math.huge) then on_sale = on_sale + tonumber(stock[i + 1]) end
    end
    if string.sub(stock[i], -5) == ':held' then held = held + tonumber(stock[i + 1]) end
end
local free = math.min(tonumber(sale[3]) - redis.call('ZCARD', KEYS[5]),
    math.ceil(on_sale * tonumber(sale[9] or ARGV[1])) - redis.call('SCARD', KEYS[6]))
local seats = math.min(math.floor(tokens), free)
-- an organiser had so many come in now: neither rate nor room counts for them, nor do they use up the rate
local extra = tonumber(sale[11] or 0) > now_ms and available > 0 and tonumber(sale[10]) or 0
seats = math.max(seats, extra)

-- A score is the buyer's number, less 1e9 for each band (app/sale/bands.py): presence is noted by number.
-- Which of these (buyer, number, buyer, number, ...) were seen: by the newest bucket first, so that those who are
-- here are found at once.
local function number_of(score)
    return string.format('%.0f', tonumber(score) % 1000000000)
end
local newest, oldest = math.floor(now_ms / ARGV[6]), math.floor((now_ms - ARGV[5]) / ARGV[6])
local function find_present(heads)
    local present, unseen = {}, {}
    for i = 2, #heads, 2 do unseen[#unseen + 1] = i end
    local asked = {}
    for bucket = newest, oldest, -1 do
        if #unseen == 0 then break end
        if #asked ~= 3 * #unseen then
            asked = {}
            for at, i in ipairs(unseen) do
                asked[3 * at - 2], asked[3 * at - 1], asked[3 * at] = 'GET', 'u1', number_of(heads[i])
            end
        end
        local bits = redis.call('BITFIELD_RO', ARGV[7] .. string.format('%.0f', bucket), unpack(asked))
        local still = {}
        for at, i in ipairs(unseen) do
            if bits[at] == 1 then present[i] = true else still[#still + 1] = i end
        end
        unseen = still
    end
    return present
end

local admitted, numbers, parked, looked = {}, {}, 0, 0
local pass_end_ms = string.format('%.0f', clock_ms + tonumber(sale[4]) * 1000)
while #admitted < seats and looked < most do
    local heads = redis.call('ZPOPMIN', KEYS[3], math.min(seats - #admitted, most - looked))
    if #heads == 0 then break end
    looked = looked + #heads / 2
    local present = ARGV[4] == '1' and find_present(heads)
    local come, known, away = {}, {}, {}
    for i = 1, #heads, 2 do
        local buyer, number = heads[i], heads[i + 1]
        if present and not present[i + 1] then
            away[#away + 1], away[#away + 2] = number, buyer
        else
            come[#come + 1], come[#come + 2] = pass_end_ms, buyer
            known[#known + 1], known[#known + 2] = buyer, number
            admitted[#admitted + 1] = buyer
            numbers[#admitted] = tonumber(number_of(number))
        end
    end
    if #away > 0 then
        redis.call('ZADD', KEYS[4], unpack(away))
        parked = parked + #away / 2
    end
    if #come > 0 then
        redis.call('ZADD', KEYS[5], unpack(come))
        redis.call('HSET', KEYS[8], unpack(known))
    end
end
if #admitted > 0 then
    local idle = {}
    for i, tickets in ipairs(redis.call('HMGET', KEYS[9], unpack(admitted))) do
        if not tickets or tonumber(tickets) == 0 then idle[#idle + 1] = admitted[i] end
    end
    if #idle > 0 then redis.call('SADD', KEYS[6], unpack(idle)) end
    redis.call('HINCRBY', KEYS[11], 'admitted', #admitted)
    redis.call('PUBLISH', ARGV[3], cjson.encode({kind = 'admitted', buyers = admitted, numbers = numbers,
        expires_at_ms = now_ms + tonumber(sale[4]) * 1000}))
end

-- How long each of them had waited since they joined, or were drawn. A number from before Redis was wiped is not known.
local waits, waited = {}, {}
for _, number in ipairs(numbers) do
    local joined_ms = redis.call('ZREVRANGEBYSCORE', KEYS[12], number, '-inf', 'LIMIT', 0, 1)[1]
    if joined_ms then
        local seconds = math.max(1, (now_ms - joined_ms) / 1000)
        local bucket = math.min(tonumber(ARGV[11]), math.ceil(math.log(seconds) / math.log(ARGV[10])))
        waits[bucket] = (waits[bucket] or 0) + 1
    end
end
local minute_of_waits = ARGV[9] .. string.format('%.0f', math.floor(now_ms / 60000))
for bucket, count in pairs(waits) do
    redis.call('HINCRBY', minute_of_waits, bucket, count)
    redis.call('EXPIRE', minute_of_waits, ARGV[12])
    waited[#waited + 1], waited[#waited + 2] = bucket, count
end

-- How many came in during the last minute and the last five, in buckets of ten seconds: what times are told from.
local since_ms = tonumber(sale[8] or now_ms)
local slot = math.floor(now_ms / 10000)
if #admitted > 0 then redis.call('HINCRBY', KEYS[10], string.format('%.0f', slot), #admitted) end
local minute, five = 0, 0
local flow = redis.call('HGETALL', KEYS[10])
for i = 1, #flow, 2 do
    local age = slot - tonumber(flow[i])
    if age > 29 then
        redis.call('HDEL', KEYS[10], flow[i])
    else
        five = five + tonumber(flow[i + 1])
        if age <= 5 then minute = minute + tonumber(flow[i + 1]) end
    end
end
local into_slot_ms = now_ms % 10000
if extra > 0 then redis.call('HSET', KEYS[1], 'extra', math.max(0, extra - #admitted)) end
redis.call('HSET', KEYS[1], 'tokens', tokens - math.max(0, #admitted - extra), 'refilled_at_ms', string.format('%.0f', now_ms),
    'measured_since_ms', string.format('%.0f', since_ms),
    'pace', string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f',
        minute, math.min(now_ms - since_ms, 50000 + into_slot_ms),
        five, math.min(now_ms - since_ms, 290000 + into_slot_ms),
        math.max(0, free - #admitted), available, held))
if looked >= most and #admitted < seats then more = 1 end
return {#admitted, #lapsed, parked, more, unpack(waited)}

-- Lets the next buyers in. Ended passes are taken back first. Seats to give are the least of
--   rate: a token bucket that holds one second's worth (at least one),
--   room: active passes the event allows, less those there are,
--   stock: available tickets times the overbooking factor, less the passes that hold nothing yet.
-- A buyer who was not seen for the grace period is parked: the number stays theirs, and nobody waits for them.
--
-- KEYS  1 sale  2 stock  3 queue  4 parked  5 passes  6 served  7 seen  8 bought
-- ARGV  1 grace ms  2 overbooking factor  3 most to look at in one call  4 channel for live news
-- Answers  {how many were let in, lapsed, parked}
local sale = redis.call('HMGET', KEYS[1], 'ready', 'state', 'rate_per_minute', 'room', 'pass_ttl_seconds',
    'tokens', 'refilled_at_ms')
if sale[1] ~= '1' then return {0, 0, 0} end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

local lapsed = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now_ms, 'LIMIT', 0, ARGV[3])
for _, buyer in ipairs(lapsed) do
    redis.call('ZREM', KEYS[5], buyer)
end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now_ms)
if #lapsed > 0 then
    redis.call('PUBLISH', ARGV[4], cjson.encode({kind = 'lapsed', buyers = lapsed}))
end
if sale[2] ~= 'open' then return {0, #lapsed, 0} end

local rate_per_ms = tonumber(sale[3]) / 60000
local burst = math.max(1, rate_per_ms * 1000)
local elapsed_ms = now_ms - tonumber(sale[7] or now_ms)
local tokens = math.min(burst, tonumber(sale[6] or 1) + math.max(0, elapsed_ms) * rate_per_ms)

local active = redis.call('ZRANGE', KEYS[5], 0, -1)
local seats = math.min(math.floor(tokens), tonumber(sale[4]) - #active)
if seats > 0 then
    local available = 0
    local stock = redis.call('HGETALL', KEYS[2])
    for i = 1, #stock, 2 do
        if string.sub(stock[i], -10) == ':available' then available = available + tonumber(stock[i + 1]) end
    end
    local idle = #active
    if #active > 0 then
        idle = 0
        for first = 1, #active, 1000 do
            local bought = redis.call('HMGET', KEYS[8], unpack(active, first, math.min(first + 999, #active)))
            for _, tickets in ipairs(bought) do
                if not tickets or tonumber(tickets) == 0 then idle = idle + 1 end
            end
        end
    end
    seats = math.min(seats, math.ceil(available * tonumber(ARGV[2])) - idle)
end

local admitted, numbers, parked, looked = {}, {}, 0, 0
local pass_end_ms = now_ms + tonumber(sale[5]) * 1000
while #admitted < seats and looked < tonumber(ARGV[3]) do
    local head = redis.call('ZPOPMIN', KEYS[3])
    if #head == 0 then break end
    looked = looked + 1
    local last_seen_ms = tonumber(redis.call('ZSCORE', KEYS[7], head[1]) or 0)
    if now_ms - last_seen_ms > tonumber(ARGV[1]) then
        redis.call('ZADD', KEYS[4], head[2], head[1])
        parked = parked + 1
    else
        redis.call('ZADD', KEYS[5], pass_end_ms, head[1])
        admitted[#admitted + 1] = head[1]
        numbers[#admitted] = tonumber(head[2])
    end
end
redis.call('HSET', KEYS[1], 'tokens', tokens - #admitted, 'refilled_at_ms', now_ms)
if #admitted > 0 then
    redis.call('PUBLISH', ARGV[4],
        cjson.encode({kind = 'admitted', buyers = admitted, numbers = numbers, expires_at_ms = pass_end_ms}))
end
return {#admitted, #lapsed, parked}

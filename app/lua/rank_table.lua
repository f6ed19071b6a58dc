-- Everything a web process needs to tell all its sockets where they stand, whatever the length of the queue:
-- the standings (queue numbers, less 1e9 for each band) at ranks 0..99 and then at ranks that grow by 2%.
--
-- KEYS  1 sale  2 stock  3 lobby  4 entrants  5 queue
-- Answers
--   {state, rate per minute, lobby size, queue length, {stock field, value, ...}, {rank, standing, rank, standing, ...},
--    room, pass ttl seconds, pace (as admit.lua notes it, or ""), how many ms old that is,
--    the organiser's message to everybody, or ""}
local sale = redis.call('HMGET', KEYS[1], 'state', 'rate_per_minute', 'room', 'pass_ttl_seconds', 'pace',
    'refilled_at_ms', 'message')
local waiting = redis.call('ZCARD', KEYS[5])
local table_of_ranks = {}
local function add(rank, entry)
    table_of_ranks[#table_of_ranks + 1] = rank
    table_of_ranks[#table_of_ranks + 1] = tonumber(entry)
end
local head = redis.call('ZRANGE', KEYS[5], 0, 99, 'WITHSCORES')
for i = 2, #head, 2 do
    add(i / 2 - 1, head[i])
end
local rank = 102
while rank < waiting do
    add(rank, redis.call('ZRANGE', KEYS[5], rank, rank, 'WITHSCORES')[2])
    rank = math.floor(rank * 1.02)
end
local lobby = redis.call('ZCARD', sale[1] == 'drawing' and KEYS[4] or KEYS[3])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
return {sale[1], tonumber(sale[2]), lobby, waiting, redis.call('HGETALL', KEYS[2]), table_of_ranks,
    tonumber(sale[3]), tonumber(sale[4]), sale[5] or '', now_ms - tonumber(sale[6] or 0),
    sale[7] or ''}

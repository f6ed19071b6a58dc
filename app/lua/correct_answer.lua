#!lua flags=allow-oom
-- The books have another order for an Idempotency-Key than the one this buyer was answered with, since Redis forgot
-- the first answer: from now on the key is answered with the order in the books.
--
-- KEYS  1 answers of this buyer
-- ARGV  1 Idempotency-Key  2 the order that is not to be  3 the answer by the books, as reserve.lua writes it
-- Answers  1 if it was corrected, else 0
local answered = redis.call('HGET', KEYS[1], ARGV[1])
if not answered or string.sub(answered, 1, #ARGV[2] + 1) ~= ARGV[2] .. ' ' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1

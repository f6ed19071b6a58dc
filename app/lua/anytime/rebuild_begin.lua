-- A rebuild begins: the sale is not ready from now on, and what the books know better is taken away. Who waits, and
-- what has not reached the books yet (the outbox), stays as far as Redis has it.
--
-- KEYS  1 sale  2 stock  3 holds  4 bought  5 idle  6 returned
-- ARGV  1 epoch of the rebuild  2 its name  3.. field, value, ... of the stock
-- Answers  1
redis.call('HSET', KEYS[1], 'ready', '0', 'epoch', ARGV[1], 'rebuild', ARGV[2])
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
return 1

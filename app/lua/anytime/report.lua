#!lua flags=allow-oom
-- A process says how it is: its line replaces the one before, also while Redis has no memory left.
--
-- KEYS  1 the reports of all processes
-- ARGV  1 which process  2 what it says  3 the channel that is told
-- Answers  nothing
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[1])

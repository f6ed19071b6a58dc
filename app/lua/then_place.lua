-- Between join.lua and place.lua: whoever joins asks where they stand, in the same step. app/infra/scripts.py puts
-- the three together, with join.lua as the function join().
--
-- KEYS  1-16 as join.lua has them  17 numbers
-- ARGV  as join.lua has them; the last four are 2-5 of place.lua, taken off here
-- Answers  what join.lua answers unless that is "JOINED", else what place.lua does
local asked = {}
for i = 4, 1, -1 do asked[i] = table.remove(ARGV) end
local said = join()
if said ~= 'JOINED' then return said end
KEYS[9] = KEYS[17]
for i = 1, 4 do ARGV[i + 1] = asked[i] end

-- Begins every script of this folder (app/infra/scripts.py puts it there): may this Redis decide about the sale?
-- It may when the sale is loaded, in the epoch that the books are in, and this very process of Redis was found to
-- have what the books have. A Redis that was wiped, restarted, put back to older data or promoted says no at once.
--
-- KEYS  the last one: sale   ARGV  the last one: the epoch, as far as the caller knows the books (0: it does not)
--   Both are taken off here, so the script that follows does not see them.
-- Answers  "NOT_READY": a rebuild is under way, or must come
--   "RESTARTED": Redis was started since, and nobody has compared it with the books yet
do
    local epoch, sale = table.remove(ARGV), table.remove(KEYS)
    local known = redis.call('HMGET', sale, 'ready', 'epoch', 'run_id')
    if known[1] ~= '1' or tonumber(known[2] or 0) < tonumber(epoch) then return 'NOT_READY' end
    if known[3] and not string.find(redis.call('INFO', 'server'), known[3], 1, true) then return 'RESTARTED' end
end

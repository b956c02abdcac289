import { script } from "./run-script.ts";

/** Entries that a stream may have: a batch of single revocations is some 600 bytes, a full one 41 KB. */
export const MAX_ENTRIES = 5000;

/**
 * What our publishers write stays below these. Whoever else may write there can put anything: a script reads nothing
 * whose size it has not looked at, hands back nothing long, and takes a stream away that is out of bounds.
 */
const MAX_ENTRIES_SEEN = 2 * MAX_ENTRIES;
const MAX_STREAM_BYTES = 512 * 1024 * 1024;
const MAX_FIELD_BYTES = 64 * 1024;
/** Names and values: an entry of ours has seven of each, one of a later version may have more. */
const MAX_WORDS_PER_ENTRY = 32;
const MAX_NAME_BYTES = 100;

/**
 * Every script answers `{ removed, id, incarnation, chain }`: why it took the stream away first ("" when it did not),
 * and what the stream ends with now. The last three are missing when it holds no entry.
 *
 * `judge(key)` gives the end of a stream within bounds, and takes any other thing away. MEMORY USAGE comes before the
 * entry is read: an entry cannot be larger than the stream. UNLINK gives huge memory back without holding Redis up.
 */
const JUDGE = `
local function endOf(entry)
  if #entry[2] > ${MAX_WORDS_PER_ENTRY} then return nil end
  local fields = {}
  for at, word in ipairs(entry[2]) do
    if #word > ${MAX_FIELD_BYTES} then return nil end
    if at % 2 == 0 then fields[entry[2][at - 1]] = word end
  end
  local incarnation, chain = fields.incarnation or '', fields.chain or ''
  if #incarnation > ${MAX_NAME_BYTES} or #chain > ${MAX_NAME_BYTES} then return nil end
  return { entry[1], incarnation, chain }
end
local function outOfBounds(key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return '' end
  if kind ~= 'stream' then return 'it is no stream' end
  if redis.call('XLEN', key) > ${MAX_ENTRIES_SEEN} then return 'it has too many entries' end
  if redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) > ${MAX_STREAM_BYTES} then return 'it is too large' end
  return ''
end
local function judge(key)
  local removed = outOfBounds(key)
  if removed == '' then
    local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
    if not entry then return '', nil end
    local found = endOf(entry)
    if found then return '', found end
    removed = 'its last entry is none of ours'
  end
  redis.call('UNLINK', key)
  return removed, nil
end
local function answer(removed, found)
  if not found then return { removed } end
  return { removed, found[1], found[2], found[3] }
end
`;

/**
 * ARGV: incarnation, prev, chain at prev (or ""), id, from, to, records, chain, head, most entries.
 * It appends only to the very log that the publisher has: same incarnation, same seq and same chain at the end. So any
 * number of publishers makes one stream without a gap, and an end that somebody put there is noticed at once.
 */
export const PUBLISH = script(`${JUDGE}
local removed, found = judge(KEYS[1])
if found and (found[1] ~= ARGV[2] .. '-0' or found[2] ~= ARGV[1] or found[3] ~= ARGV[3]) then
  return answer(removed, found)
end
if not found then redis.call('UNLINK', KEYS[1]) end
local function append()
  return redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[10], ARGV[4], 'incarnation', ARGV[1], 'prev', ARGV[2],
    'from', ARGV[5], 'to', ARGV[6], 'records', ARGV[7], 'chain', ARGV[8], 'head', ARGV[9])
end
local function isUsedUp(message)
  return string.find(message, 'equal or smaller', 1, true) or string.find(message, 'exhausted', 1, true)
end
local added = append()
if type(added) == 'table' and added.err and isUsedUp(added.err) then
  -- An entry with a higher id was put there and taken away again: nothing can follow in this stream.
  redis.call('UNLINK', KEYS[1])
  removed = 'its ids are used up'
  added = append()
end
if type(added) == 'table' and added.err then return added end
return { removed, ARGV[4], ARGV[1], ARGV[8] }
`);

/** Takes entries away whose ids are below ARGV[1], but never the last. It does not go by itself: no lifetime stays on it. */
export const TRIM = script(`${JUDGE}
local removed, found = judge(KEYS[1])
if found then
  local seq = tonumber(string.match(found[1], '^(%d+)-'))
  redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', math.min(seq, tonumber(ARGV[1]))))
  redis.call('PERSIST', KEYS[1])
end
return answer(removed, found)
`);

/** Takes the stream away if it still ends as it was judged: id, incarnation, chain. */
export const DROP = script(`${JUDGE}
local removed, found = judge(KEYS[1])
if found and found[1] == ARGV[1] and found[2] == ARGV[2] and found[3] == ARGV[3] then redis.call('UNLINK', KEYS[1]) end
return { removed }
`);

import { script } from "./run-script.ts";

/**
 * Both scripts answer with what the stream ends with: `{ id, incarnation, chain }`, or nothing when it holds no entry.
 *
 * ARGV of `PUBLISH`: incarnation, prev, chain at prev (or ""), id, from, to, records, chain, head, most entries.
 * It appends only to the very log that the publisher has: same incarnation, same seq and same chain at the end. So any
 * number of publishers makes one stream without a gap, and an end that somebody put there is noticed at once.
 */
const LAST = `
local function last(key)
  local entry = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if not entry then return {} end
  local fields = {}
  for at = 1, #entry[2], 2 do fields[entry[2][at]] = entry[2][at + 1] end
  return { entry[1], fields.incarnation or '', fields.chain or '' }
end
`;

export const PUBLISH = script(`${LAST}
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('TYPE', KEYS[1]).ok ~= 'stream' then redis.call('DEL', KEYS[1]) end
local found = last(KEYS[1])
if found[1] then
  if found[1] ~= ARGV[2] .. '-0' or found[2] ~= ARGV[1] or found[3] ~= ARGV[3] then return found end
else
  redis.call('DEL', KEYS[1])
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[10], ARGV[4], 'incarnation', ARGV[1], 'prev', ARGV[2],
  'from', ARGV[5], 'to', ARGV[6], 'records', ARGV[7], 'chain', ARGV[8], 'head', ARGV[9])
return last(KEYS[1])
`);

/** Gives the end; takes entries away whose ids are below ARGV[1], but never the last. */
export const TRIM = script(`${LAST}
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('TYPE', KEYS[1]).ok ~= 'stream' then redis.call('DEL', KEYS[1]) end
local found = last(KEYS[1])
if found[1] then
  local seq = tonumber(string.match(found[1], '^(%d+)-'))
  redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', math.min(seq, tonumber(ARGV[1]))))
end
return found
`);

/** Takes the stream away if it still ends as it was judged: id, incarnation, chain. */
export const DROP = script(`${LAST}
local found = last(KEYS[1])
if found[1] == ARGV[1] and found[2] == ARGV[2] and found[3] == ARGV[3] then redis.call('DEL', KEYS[1]) end
return 0
`);

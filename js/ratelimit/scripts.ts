/**
 * The algorithms as the server runs them, on its own clock. `rules.ts` has the same in TypeScript, for when Redis is away.
 *
 * One key an identifier holds the state of all its rules, packed as big-endian doubles behind each other:
 *
 *   bucket   tokens in use, and when that was true
 *   fixed    tokens used, and when the window ends
 *   sliding  the number of the window, and the tokens used in the one before and in this one
 *
 * A block stands in front of them: the moment at which it ends. Moments are microseconds since the epoch. What has run
 * dry expires, so no key is without a time to live, and a request that is denied writes nothing.
 *
 * `TIME` in a script that writes is fine since Redis 5, which replicates effects. There is no shebang: Redis 6.2 has none.
 * The hashes are those under which a server knows the scripts; a test compares them.
 */
import type { Script } from "../client/script.js";
import type { Rule } from "./rules.js";

/**
 * Decides about some keys. ARGV: four for each rule (kind, limit, window, capacity), then two for each key: what one request
 * costs, and how many such requests there are. Gives `FIELDS` integers a key.
 *
 * A clock that was set back leaves moments in the future behind. Such a state is brought to the present at once, also by
 * requests that are denied: no caller should wait for that clock to catch up.
 */
export const DECIDE: Script = {
  sha: "4138adb133d4ae378b83f66df786fdf5ee70d7bf",
  text: `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local base = #ARGV - 2 * #KEYS
local count, size = base / 4, 0
local kinds, limits, windows, capacities = {}, {}, {}, {}
for r = 1, count do
  kinds[r], limits[r], windows[r], capacities[r] = ARGV[4 * r - 3], ARGV[4 * r - 2] + 0, ARGV[4 * r - 1] + 0, ARGV[4 * r] + 0
  size = size + (kinds[r] == 's' and 24 or 16)
end
local floor, ceil, max, pack, unpack = math.floor, math.ceil, math.max, struct.pack, struct.unpack
local a, b, c, free, out = {}, {}, {}, {}, {}
for k = 1, #KEYS do
  local cost, admitted = ARGV[base + 2 * k - 1] + 0, ARGV[base + 2 * k] + 0
  local asked, at, blocked, dated = admitted, 1, 0, false
  local value = redis.pcall('GET', KEYS[k])
  if type(value) ~= 'string' then
    value = false
  elseif #value == 8 or #value == size + 8 then
    blocked, at = max(0, unpack('>d', value) - now), 9
    if #value == 8 then value = false end
  elseif #value ~= size then
    value = false
  end
  for r = 1, count do
    local kind, limit, window = kinds[r], limits[r], windows[r]
    if kind == 'b' then
      local used, since = 0, now
      if value then
        used, since, at = unpack('>dd', value, at)
        if since > now then dated = true else used = max(0, used - (now - since) * limit / window) end
      end
      a[r], b[r], free[r] = used, now, capacities[r] - used
    elseif kind == 'f' then
      local used, ends = 0, now + window
      if value then
        used, ends, at = unpack('>dd', value, at)
        if ends <= now then
          used, ends = 0, now + window
        elseif ends > now + window then
          ends, dated = now + window, true
        end
      end
      a[r], b[r], free[r] = used, ends, limit - used
    else
      local index, before, current = floor(now / window), 0, 0
      if value then
        local i, p, q
        i, p, q, at = unpack('>ddd', value, at)
        if i > index then
          before, current, dated = p, q, true
        elseif i == index then
          before, current = p, q
        elseif i == index - 1 then
          before = q
        end
      end
      a[r], b[r], c[r] = index, before, current
      free[r] = limit - current - before * (1 - (now - index * window) / window)
    end
    if asked > 0 then admitted = math.min(admitted, max(0, floor((free[r] + 0.000001) / cost))) end
  end
  if blocked > 0 then admitted = 0 end
  local taken = admitted * cost
  local state, life, least, tightest, reset, deny, wait = {}, 0, math.huge, 1, 0, 0, 0
  for r = 1, count do
    local kind, limit, window, left, empties, needs = kinds[r], limits[r], windows[r], free[r] - taken, 0, 0
    local lacks = cost - left - 0.000001
    if kind == 'b' then
      local used = a[r] + taken
      state[r] = pack('>dd', used, now)
      empties = used * window / limit
      if lacks > 0 then needs = lacks * window / limit end
    elseif kind == 'f' then
      local used = a[r] + taken
      state[r] = pack('>dd', used, b[r])
      if used > 0 then empties = b[r] - now end
      if lacks > 0 then needs = b[r] - now end
    else
      local before, current, into = b[r], c[r] + taken, now - a[r] * window
      state[r] = pack('>ddd', a[r], before, current)
      if current > 0 then empties = 2 * window - into elseif before > 0 then empties = window - into end
      if lacks > 0 then
        if current + cost <= limit and before > 0 then
          needs = window * (1 - (limit - current - cost) / before) - into
        else
          needs = window - into
          if current + cost > limit and current > 0 then needs = needs + max(0, window * (1 - (limit - cost) / current)) end
        end
      end
    end
    if empties > life then life = empties end
    if left < least then least, tightest, reset = left, r, empties end
    if lacks > 0 and (admitted < asked or asked == 0) then
      if cost > capacities[r] then
        if wait >= 0 then deny, wait = r, -1 end
      elseif wait >= 0 and needs >= wait then
        deny, wait = r, needs
      end
    end
  end
  if (admitted > 0 or dated) and life > 0 then
    local front = ''
    if blocked > 0 then
      front, life = string.sub(value, 1, 8), max(life, blocked)
    end
    redis.call('SET', KEYS[k], front .. table.concat(state), 'PX', ceil(life / 1000))
  end
  if blocked > 0 and wait >= 0 and blocked >= wait then deny, wait = -1, blocked end
  local o = #out
  out[o + 1], out[o + 2], out[o + 3], out[o + 4] = admitted, max(0, floor(least + 0.000001)), tightest, ceil(reset / 1000)
  out[o + 5], out[o + 6] = deny, wait < 0 and -1 or ceil(wait / 1000)
end
return out`,
};

/** Bytes of the state of some rules, without a block. */
export const stateBytes = (rules: readonly Rule[]): number =>
  rules.reduce((sum, { algorithm }) => sum + (algorithm === "sliding" ? 24 : 16), 0);

/** How many integers `DECIDE` gives for a key, and which: see `Answer` of rules.ts. */
export const FIELDS = 6;

/**
 * Denies a key for so long, whatever its rules say. ARGV: milliseconds, and the size of the state that may stand there.
 */
export const BLOCK: Script = {
  sha: "070d0067c75ca5f388aeefc58242680c33e8d00e",
  text: `local clock = redis.call('TIME')
local value = redis.pcall('GET', KEYS[1])
local state, life = '', ARGV[1] + 0
local size = ARGV[2] + 0
if type(value) == 'string' and #value >= size then
  state = string.sub(value, -size)
  life = math.max(life, redis.call('PTTL', KEYS[1]))
end
redis.call('SET', KEYS[1], struct.pack('>d', clock[1] * 1000000 + clock[2] + ARGV[1] * 1000) .. state, 'PX', life)
return 1`,
};

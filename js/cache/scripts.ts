/**
 * What must happen at once on the server. Every script touches keys of one slot, so they run on a cluster as they are. A
 * generation is the greater of the one before plus one and the server's time in microseconds.
 *
 * The hashes are those under which a server knows the scripts once they were sent; a test compares them.
 */

export interface Script {
  readonly sha: string;
  readonly text: string;
}

/** Keeps a lease that is still ours for longer, or with 0 gives it back. */
export const EXTEND: Script = {
  sha: "ac3769cd746b809816021f4235a22de3e744acaf",
  text: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
};

/** Stores an entry, if the lease under which it was loaded still stands: an invalidation deletes that. */
export const FILL: Script = {
  sha: "cf691de9df6088d9cbd7af954fb4149bc76342a0",
  text: `if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,
};

/** Stores what was given, under the same condition. Otherwise it gives up the entry: what is there may be older. */
export const STORE: Script = {
  sha: "6c763ed991cd307ce4323b12deb8b518734098c9",
  text: `if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,
};

/** The generation of a tag or a namespace, made where there is none. Kept for so long at least; 0 is for ever. */
export const ENSURE: Script = {
  sha: "6780281d1ca6b15fa434a268c401f5d411f44123",
  text: `local old = redis.call('GET', KEYS[1])
local keep = tonumber(ARGV[1])
if old then
  if keep > 0 and redis.call('PTTL', KEYS[1]) < keep then redis.call('PEXPIRE', KEYS[1], 2 * keep) end
  return old
end
local time = redis.call('TIME')
local new = string.format('%.0f', time[1] * 1000000 + time[2])
if keep > 0 then redis.call('SET', KEYS[1], new, 'PX', 2 * keep) else redis.call('SET', KEYS[1], new) end
return new`,
};

/** Raises a generation: what carries the one before is a miss from now on. */
export const RAISE: Script = {
  sha: "2251b8de36a3b87c3bd9bd6ef80e0a8bc3a5d7c1",
  text: `local time = redis.call('TIME')
local new = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[1]) or 0) or 0) + 1, time[1] * 1000000 + time[2]))
local keep = tonumber(ARGV[1])
if keep > 0 then redis.call('SET', KEYS[1], new, 'PX', math.max(keep, redis.call('PTTL', KEYS[1]))) else redis.call('SET', KEYS[1], new) end
return new`,
};

/**
 * Raises the generation of a namespace if the server is not the one that was here before: one that was restarted may have
 * come back with old data, and another one may never have had the new. {0} where the server does not say who it is; else who.
 */
export const FENCE: Script = {
  sha: "87e0084d751be8be6008883813d529d3d1b3ffe5",
  text: `local info = redis.pcall('INFO', 'server')
local id = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
if not id then return {0} end
local old = redis.call('GET', KEYS[1])
if old and redis.call('GET', KEYS[2]) == id then return {1, id} end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], string.format('%.0f', math.max((tonumber(old or 0) or 0) + 1, time[1] * 1000000 + time[2])))
redis.call('SET', KEYS[2], id)
return {2, id}`,
};

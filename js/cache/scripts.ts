/**
 * What must happen at once on the server. Every script touches keys of one slot, so they run on a cluster as they are.
 *
 * A script that goes by its hash may be refused (NOSCRIPT) and sent again, behind what was staged meanwhile. So none of these
 * relies on its place in the order, but for the fence, which is sent whole once a link: they ask whether the lease still
 * stands, or their reply is awaited. What must come before something else is a plain command: a generation is *removed*.
 *
 * The hashes are those under which a server knows the scripts once they were sent; a test compares them.
 */

import type { Script } from "../client/script.js";

/** Keeps a lease that is still ours for longer, or with 0 gives it back. */
export const EXTEND: Script = {
  sha: "ac3769cd746b809816021f4235a22de3e744acaf",
  text: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`,
};

/** Takes a lease where there is none, or a mark; else gives what is there. */
export const TAKE: Script = {
  sha: "62cce412b8e0b6ae5bc7c5bbb12687d70941b7d0",
  text: `local old = redis.call('GET', KEYS[1])
if old and string.sub(old, 1, 1) ~= '!' then return old end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'OK'`,
};

/** Replaces a lease that is still ours by a mark. */
export const MARK: Script = {
  sha: "9c1f7015792515f6a8d0de9823048b9e340ad193",
  text: `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`,
};

/** Stores an entry, if the lease under which it was loaded still stands: an invalidation deletes that. */
export const FILL: Script = {
  sha: "cf691de9df6088d9cbd7af954fb4149bc76342a0",
  text: `if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,
};

/**
 * Stores what was given, under the same condition. Otherwise the entry is given up if it begins as it did when the lease was
 * taken; one that was stored since is of somebody who came later.
 */
export const STORE: Script = {
  sha: "e6a9f112626ee9dc9878d47fc18155d093a2a3cf",
  text: `if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  if redis.pcall('GETRANGE', KEYS[1], 0, #ARGV[4] - 1) == ARGV[4] then redis.call('DEL', KEYS[1]) end
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1`,
};

/** The generation of a tag or a namespace; the given one where there is none. It lives for so long at least. */
export const ENSURE: Script = {
  sha: "59f6b9f86b4f21b241083bb1965d2566939ed9d6",
  text: `local old = redis.call('GET', KEYS[1])
if not old then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return old or ARGV[1]`,
};

/**
 * Gives up a namespace if its data are not those that were here before: a server that was restarted may have come back with
 * old ones, one that was a replica may never have had the newest. Data are known by the id of their replication, which changes
 * with each restart and each promotion; where servers do not tell that, by the run id. Whoever has believed that id last says
 * so, for whom it is enough where the namespace has lost it. Gives what was found (`FENCED`), that id, and how much has been
 * replicated under it.
 */
export const FENCE: Script = {
  sha: "87bb5ed8cb6ab1909b0a07ba80ac2d95dbc55e0c",
  text: `local info = redis.pcall('INFO', 'replication')
if type(info) ~= 'string' then return {0} end
local id, offset = string.match(info, 'master_replid:(%x+)'), string.match(info, 'master_repl_offset:(%d+)')
if not id then
  info = redis.pcall('INFO', 'server')
  id = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
  if not id then return {0} end
elseif string.match(info, 'role:slave') then return {3, id, offset} end
local keep = math.max(tonumber(ARGV[1]), redis.call('PTTL', KEYS[1]))
local found = 1
local old = redis.call('GET', KEYS[2])
if old ~= id then
  if old or ARGV[2] ~= id then
    redis.call('DEL', KEYS[1])
    found = 2
  end
  redis.call('SET', KEYS[2], id, 'PX', keep)
elseif redis.call('PTTL', KEYS[2]) < keep / 2 then
  redis.call('PEXPIRE', KEYS[2], keep)
end
return {found, id, offset}`,
};

/** What the fence has found: the server does not say who it is; its data are the same, or others; it is a replica. */
export const FENCED = { unknown: 0, same: 1, other: 2, replica: 3 } as const;

import { createClient } from "edgis";

const known = {};
const redis = createClient({ url: () => known.url, logger: false });

/** SvelteKit builds for more than Workers, so their environment comes with a request. */
export function redisOf(platform) {
  known.url ??= platform.env.REDIS_URL;
  return redis;
}

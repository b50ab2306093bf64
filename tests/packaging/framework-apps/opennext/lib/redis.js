import { createClient } from "edgis";

export const redis = createClient({ url: () => process.env.REDIS_URL, logger: false });

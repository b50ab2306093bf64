// Imported by every route. It opens nothing and throws nothing, however often it is evaluated.
import { createClient } from "edgis";

export const redis = createClient({ url: process.env.REDIS_URL, logger: false });

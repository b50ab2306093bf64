import { createClient } from "edgis";
import { defineEventHandler } from "h3";

const redis = createClient({ url: process.env.REDIS_URL, logger: false });

export default defineEventHandler(() => redis.init());

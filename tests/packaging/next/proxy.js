import { NextResponse } from "next/server";
import { ask } from "./lib/redis.js";

export async function proxy() {
  const count = await ask("proxy", (redis) => redis.incr("proxy"), "none");
  return NextResponse.next({ headers: { "x-proxy-count": String(count) } });
}

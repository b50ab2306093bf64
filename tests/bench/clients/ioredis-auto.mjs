import { open as plain } from "./ioredis.mjs";

export const open = (port) => plain(port, { enableAutoPipelining: true });

import { openWith } from "./flexible.mjs";

export const open = openWith({ enableAutoPipelining: true });

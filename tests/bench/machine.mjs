// The machine and the programs that a run was made on, as results and pages name them.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { findRedisServer } from "../js/redis-server.mjs";

export const describeMachine = () => ({
  date: new Date().toISOString().slice(0, 10),
  cpu: cpus()[0].model.trim(),
  cores: cpus().length,
  node: process.version.slice(1),
  redis: /v=(\S+)/.exec(execFileSync(findRedisServer(), ["--version"], { encoding: "utf8" }))?.[1],
});

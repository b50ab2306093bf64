/** Ends a server whose starter cannot any more: a test process that was killed runs no exit handler. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";

// Reads the pid of the server, an empty line while there is none. The end of the input is the end of the starter.
const SCRIPT = `
trap '' HUP INT TERM
pid=
while read -r line; do
  [ "$line" != done ] || exit 0
  pid=$line
done
[ -z "$pid" ] || kill -9 "$pid"
rm -rf "$1"
`;

/** A shell that waits for the end of this process. */
export class Guard {
  readonly #shell: ChildProcess | undefined;

  /** `folder` is removed with the server. */
  constructor(folder: string) {
    if (process.platform === "win32") return;
    const shell = spawn("/bin/sh", ["-c", SCRIPT, "sh", folder], { stdio: ["pipe", "ignore", "ignore"] });
    // Without a shell there is no guard; the exit handler does what it can.
    shell.on("error", () => {});
    shell.stdin?.on("error", () => {});
    shell.unref();
    (shell.stdin as Socket | null)?.unref?.();
    this.#shell = shell;
  }

  /** Watches over this process, or over none. */
  watch(pid: number | undefined): void {
    this.#shell?.stdin?.write(`${pid ?? ""}\n`);
  }

  /** There is nothing left to do. */
  dismiss(): void {
    this.#shell?.stdin?.end("done\n");
  }

  /** The same for an exit handler, in which nothing is written any more. */
  abandon(): void {
    this.#shell?.kill("SIGKILL");
  }
}

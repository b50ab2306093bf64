/** Ends a server after its starter was killed: a killed test process runs no exit handler. */
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
    // Without a shell there is no guard; the exit handler has to suffice.
    shell.on("error", () => {});
    shell.stdin?.on("error", () => {});
    shell.unref();
    (shell.stdin as Socket | null)?.unref?.();
    this.#shell = shell;
  }

  /** Sets the pid to end with this process, or none. */
  watch(pid: number | undefined): void {
    this.#shell?.stdin?.write(`${pid ?? ""}\n`);
  }

  /** Ends the guard: its server has ended. */
  dismiss(): void {
    this.#shell?.stdin?.end("done\n");
  }

  /** The same for an exit handler, in which nothing is written any more. */
  abandon(): void {
    this.#shell?.kill("SIGKILL");
  }
}

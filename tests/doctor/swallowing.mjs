// An address where not even a connection comes about: the kernel drops what its queue has no room for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";

/** `port` is undefined where the kernel's queue takes everything. */
export async function swallowing(host) {
  const source = `require("net").createServer().listen({ port: 0, host: "${host}", backlog: 1 }, function () {
    console.log(this.address().port);
  });`;
  const child = spawn(process.execPath, ["-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  const sockets = [];
  const end = () => {
    for (const socket of sockets) socket.destroy();
    child.kill("SIGKILL");
  };
  const [printed] = await once(child.stdout, "data");
  const port = Number(printed);
  // It accepts no more, so its queue fills up.
  child.kill("SIGSTOP");
  for (let i = 0; i < 20; i += 1) {
    const socket = connect({ host, port }).on("error", () => {});
    sockets.push(socket);
    const connected = once(socket, "connect").then(() => true);
    if (!(await Promise.race([connected, new Promise((resolve) => setTimeout(resolve, 300))]))) return { port, end };
  }
  return { port: undefined, end };
}

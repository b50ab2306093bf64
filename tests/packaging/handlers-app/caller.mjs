// Makes the events of tests/packaging/handlers-app/handlers.mjs, one a request: /KIND?worker=NAME&key=KEY. A Worker is the only
// place from which each kind of event can be made on every version of the runtime.
const events = {
  async cron(worker, key) {
    const { outcome } = await worker.scheduled({ cron: key, scheduledTime: new Date() });
    return outcome;
  },
  async queue(worker, key) {
    const message = { id: key, timestamp: new Date(), attempts: 1, body: key };
    const { outcome } = await worker.queue("jobs", [message]);
    return outcome;
  },
  async email(worker, key) {
    const text = "Subject: hello\r\n\r\n";
    const raw = new Response(text).body;
    await worker.email({ from: "ada@example.com", to: key, raw, rawSize: text.length, headers: new Headers() });
    return "ok";
  },
  async rpc(_, key, { calls }) {
    await calls.count(key);
    return "ok";
  },
  /** Each sets the alarm of an object of its own: a second one would replace it. */
  async alarm(_, key, { room }) {
    const response = await room(crypto.randomUUID()).fetch(`http://room/alarm?key=${key}`);
    return response.ok ? "ok" : response.text();
  },
  async webSocket(_, key, { room }) {
    const response = await room("sockets").fetch("http://room/socket", { headers: { Upgrade: "websocket" } });
    const socket = response.webSocket;
    socket.accept();
    const answered = new Promise((resolve, reject) => {
      socket.addEventListener("message", ({ data }) => resolve(data));
      socket.addEventListener("close", ({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`)));
    });
    socket.send(key);
    await answered;
    socket.close(1000);
    return "ok";
  },
};

/** What is an ordinary request to the Worker. */
async function request(worker, kind, key) {
  const response = await worker.fetch(`http://worker/${kind}?key=${key}`);
  if (kind === "rejections") return response.json();
  const text = await response.text();
  return response.ok ? "ok" : `${response.status} ${text}`;
}

export default {
  async fetch({ url }, env) {
    const { pathname, searchParams } = new URL(url);
    const [kind, name, key] = [pathname.slice(1), searchParams.get("worker"), searchParams.get("key")];
    const worker = env[name];
    const rooms = env[`${name}_ROOM`];
    const others = { calls: env[`${name}_CALLS`], room: (which) => rooms.get(rooms.idFromName(which)) };
    try {
      const told = await (events[kind]?.(worker, key, others) ?? request(worker, kind, key));
      return Response.json(told);
    } catch (error) {
      return Response.json(`${error}`);
    }
  },
};

import { connection } from "next/server";
import { Suspense } from "react";
import { ask } from "../../lib/redis.js";

async function Counter() {
  await connection();
  const count = await ask("component", (redis) => redis.incr("component"), "without Redis");
  return <p id="counter">{count}</p>;
}

export default function Page() {
  return (
    <Suspense fallback={<p>waiting</p>}>
      <Counter />
    </Suspense>
  );
}

import { Suspense } from "react";
import { ask } from "../../lib/redis.js";

// Asks Redis with nothing before it that would end the prerendering: what the client does before its answer may be of no
// random number and no clock.
async function Plain() {
  return <p id="plain">{await ask("plain", (redis) => redis.get("plain"), "without Redis")}</p>;
}

export default function Page() {
  return (
    <Suspense fallback={<p>waiting</p>}>
      <Plain />
    </Suspense>
  );
}

import { ask } from "../../lib/redis.js";

async function save(data) {
  "use server";
  await ask("action", (redis) => redis.set("saved", data.get("text"), { EX: 60 }));
}

export default function Page() {
  return (
    <form action={save}>
      <input name="text" />
      <button type="submit">save</button>
    </form>
  );
}

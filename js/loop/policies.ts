/** The policies that handles have. Programs compute budgets, so one is kept for no longer than somebody has it. */
import type { Policy } from "./target.js";

export class Policies {
  readonly #byKey = new Map<string, WeakRef<Policy>>();
  // Older Workers have neither of the two, and an isolate there does not live for long.
  readonly #collected =
    typeof FinalizationRegistry === "undefined"
      ? undefined
      : new FinalizationRegistry<string>((key) => {
          if (this.get(key) === undefined) this.#byKey.delete(key);
        });

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Policy | undefined {
    return this.#byKey.get(key)?.deref();
  }

  set(key: string, policy: Policy): void {
    const strong = { deref: () => policy } as unknown as WeakRef<Policy>;
    this.#byKey.set(key, this.#collected === undefined ? strong : new WeakRef(policy));
    this.#collected?.register(policy, key);
  }

  values(): Policy[] {
    return [...this.#byKey.values()].map((reference) => reference.deref()).filter((policy) => policy !== undefined);
  }
}

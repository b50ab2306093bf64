// The three algorithms by their definitions, in exact fractions: what scripts and TypeScript are held to.

/** Of one key under some rules. Times are whole microseconds and never go back. */
export class Oracle {
  constructor(rules) {
    this.rules = rules.map(({ algorithm, limit, window, capacity }) => ({
      algorithm,
      limit: BigInt(limit),
      window: BigInt(window),
      capacity: BigInt(capacity ?? limit),
      // bucket: used × window, and since when. fixed: [time, cost] of this window. sliding: costs by the number of a window.
      level: 0n,
      since: 0n,
      ends: undefined,
      used: 0n,
      windows: new Map(),
    }));
  }

  /** The free tokens of each rule, multiplied by its window to stay whole. */
  #free(now) {
    return this.rules.map((rule) => {
      const { algorithm, window, limit, capacity } = rule;
      if (algorithm === "bucket") {
        const level = rule.level - (now - rule.since) * limit;
        return capacity * window - (level > 0n ? level : 0n);
      }
      if (algorithm === "fixed")
        return (limit - (rule.ends !== undefined && now < rule.ends ? rule.used : 0n)) * window;
      const index = now / window;
      const into = now - index * window;
      const before = rule.windows.get(index - 1n) ?? 0n;
      const current = rule.windows.get(index) ?? 0n;
      return (limit - current) * window - before * (window - into);
    });
  }

  /**
   * How far from the edge a request of this cost is, in millionths of a token: not negative where it is allowed. Nothing is
   * counted.
   */
  margin(now, cost) {
    const margins = this.#free(BigInt(now)).map((free, index) => {
      const { window } = this.rules[index];
      return Number(((free - BigInt(cost) * window) * 1_000_000n) / window);
    });
    return Math.min(...margins);
  }

  /** Whether nothing that was used counts any more. */
  isUntouched(now) {
    return this.#free(BigInt(now)).every((free, index) => {
      const { capacity, window } = this.rules[index];
      return free === capacity * window;
    });
  }

  count(at, cost) {
    const now = BigInt(at);
    for (const rule of this.rules) {
      const tokens = BigInt(cost);
      if (rule.algorithm === "bucket") {
        const level = rule.level - (now - rule.since) * rule.limit;
        rule.level = (level > 0n ? level : 0n) + tokens * rule.window;
        rule.since = now;
      } else if (rule.algorithm === "fixed") {
        if (rule.ends === undefined || now >= rule.ends) [rule.ends, rule.used] = [now + rule.window, 0n];
        rule.used += tokens;
      } else {
        const index = now / rule.window;
        rule.windows.set(index, (rule.windows.get(index) ?? 0n) + tokens);
        rule.windows.delete(index - 2n);
      }
    }
  }
}

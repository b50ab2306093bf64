/** What the server tells a target of changes, handed to the namespace whose key it is: of however many there are. */
import type { Target } from "../loop/target.js";
import type { Watcher } from "../loop/watchers.js";
import { type Names, trackedOf } from "./keys.js";

const all = new WeakMap<Target, News>();

export class News implements Watcher {
  readonly #listeners = new Map<string, WeakRef<Watcher>>();

  /** `listener` hears of changes of the namespace's keys, for as long as it is held. */
  static of(target: Target, { tracked }: Names, listener: Watcher): News {
    let news = all.get(target);
    if (news === undefined) {
      news = new News();
      all.set(target, news);
      target.watchers.add(new WeakRef(news));
    }
    news.#listeners.set(tracked, new WeakRef(listener));
    return news;
  }

  linked(target: Target): void {
    this.#each((listener) => listener.linked(target));
  }

  moved(): void {}

  invalidated(keys: readonly string[] | undefined): void {
    if (keys === undefined) {
      this.#each((listener) => listener.invalidated(undefined));
      return;
    }
    const changes = new Map<string, string[]>();
    for (const key of keys) {
      const tracked = trackedOf(key);
      const known = changes.get(tracked);
      if (known === undefined) changes.set(tracked, [key]);
      else known.push(key);
    }
    for (const [tracked, own] of changes) this.#listeners.get(tracked)?.deref()?.invalidated(own);
  }

  #each(tell: (listener: Watcher) => void): void {
    for (const [tracked, reference] of this.#listeners) {
      const listener = reference.deref();
      if (listener === undefined) this.#listeners.delete(tracked);
      else tell(listener);
    }
  }
}

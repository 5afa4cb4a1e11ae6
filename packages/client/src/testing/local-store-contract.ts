import { afterEach, beforeEach, describe } from "vitest";
import type { LocalStore } from "../store/local-store.ts";
import { merges, notes, notesReopened } from "./contract/merges.ts";
import { commits, pulls, remotePages, truncations } from "./contract/snapshots.ts";
import { stages } from "./contract/stages.ts";
import { pushes, resets } from "./contract/sync.ts";
import { turns } from "./contract/turns.ts";
import { evictions, refusals, reopening } from "./contract/upkeep.ts";

/** A store to test, empty at first. */
export interface LocalStoreFixture {
  readonly open: () => LocalStore;
  readonly remove?: () => void;
}

/**
 * What `LocalStore` promises, as a suite. Each implementation runs it in one line.
 *
 * @param create called before each test
 * @param kind "durable": `open` after `close` gives the same store
 */
export function localStoreContract(
  name: string,
  kind: "durable" | "memory",
  create: () => LocalStoreFixture,
): void {
  describe(`${name} keeps the local store's promises`, () => {
    let fixture: LocalStoreFixture;
    let store: LocalStore;
    beforeEach(() => {
      fixture = create();
      store = fixture.open();
    });
    afterEach(() => {
      store.close();
      fixture.remove?.();
    });
    const get = (): LocalStore => store;
    commits(get);
    stages(get);
    notes(get);
    remotePages(get);
    pulls(get);
    merges(get);
    pushes(get);
    truncations(get);
    resets(get);
    evictions(get);
    refusals(get);
    turns(get);
    if (kind === "memory") return;
    const reopen = (): void => {
      store.close();
      store = fixture.open();
    };
    reopening({ get, reopen });
    notesReopened({ get, reopen });
  });
}

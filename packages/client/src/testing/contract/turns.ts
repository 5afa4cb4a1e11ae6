/** Who may write, and who may speak with the server. */
import { expect, it } from "vitest";
import type { GetStore } from "./store-actions.ts";

export function turns(store: GetStore): void {
  it.each(["lockWrites", "lockSync"] as const)("gives one turn at a time (%s)", (lock) => {
    const mine = store()[lock]();
    expect(mine).toBeDefined();
    expect(store()[lock]()).toBeUndefined();
    mine?.close();
    const next = store()[lock]();
    expect(next).toBeDefined();
    // A turn that ended long ago ends nothing.
    mine?.close();
    expect(store()[lock]()).toBeUndefined();
    next?.close();
  });

  it("lets one write while another speaks with the server", () => {
    const [writing, syncing] = [store().lockWrites(), store().lockSync()];
    expect([writing, syncing]).not.toContain(undefined);
    writing?.close();
    syncing?.close();
  });

  it("has seen everything when nobody else is there", () => {
    expect(store().refresh()).toBe(false);
  });
}

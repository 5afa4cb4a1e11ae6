/** What a store that others change, too, must show at any moment, and what it sends. */
import { equalBytes, type PageSize, toPageIndex } from "@graft/core";
import type { LocalStore, RemotePoint } from "../../store/local-store.ts";
import { bytesOf, type RemoteModel } from "./remote-model.ts";
import { describeState, type HeldPin, type ModelPin, type ReplicaModel } from "./replica-model.ts";

export interface SharedWorld {
  readonly model: ReplicaModel;
  readonly remote: RemoteModel;
  readonly pageSize: PageSize;
}

/** @throws Error when the store's state is not the model's */
export function checkState(store: LocalStore, model: ReplicaModel): void {
  const seen = describeState(store.state());
  const expected = model.describe();
  if (seen !== expected) throw new Error(`the state is ${seen}, expected ${expected}`);
}

/** @throws Error when a pin shows other bytes than it should, or local work is gone */
export function checkPin(store: LocalStore, { pin, model }: HeldPin, world: SharedWorld): void {
  if (pin.version !== model.version) {
    throw new Error(`a pin has version ${pin.version}, expected ${model.version}`);
  }
  const target = new Uint8Array(world.pageSize);
  for (let page = 1; page <= model.pageCount + 2; page++) {
    const content = world.model.contentOf(model.version, page);
    const where = `page ${page} of version ${model.version} at LSN ${model.remote?.lsn}`;
    target.fill(0xee);
    const kind = store.read(pin, toPageIndex(page), target);
    if (kind === "absent") checkAbsent(model, page, where, world);
    else if (!equalBytes(target, bytesOf(content, world.pageSize))) {
      throw new Error(`${where} has other bytes (${kind})`);
    }
  }
}

function checkAbsent(model: ModelPin, page: number, where: string, world: SharedWorld): void {
  if (model.local.has(page)) throw new Error(`${where} is local work and absent`);
  if (model.remote === undefined) throw new Error(`${where} is absent without a remote`);
  const fetched = world.remote.contentsAt(model.remote.lsn).get(page);
  if (fetched !== world.model.contentOf(model.version, page)) {
    throw new Error(`${where} is absent, and a fetch would bring other bytes`);
  }
}

/**
 * Sends what the store prepared to the remote model; undefined when another commit is there.
 *
 * @throws Error when a page of it is not what was committed
 */
export function sendPush(store: LocalStore, world: SharedWorld): RemotePoint | undefined {
  const { model, remote, pageSize } = world;
  const { push, remote: base } = store.state();
  if (push === undefined || base?.lsn !== remote.head?.lsn) return undefined;
  const pin = store.pinPush();
  if (pin === undefined) throw new Error("a prepared push can be pinned");
  const writes = new Map<number, number>();
  for (const page of push.pages) {
    const target = new Uint8Array(pageSize);
    const content = model.contentOf(push.toVersion, page);
    const kind = store.read(pin, toPageIndex(page), target);
    if (kind !== "page" || !equalBytes(target, bytesOf(content, pageSize))) {
      throw new Error(`page ${page} of the push is ${kind}, or has other bytes`);
    }
    if (content !== undefined) writes.set(page, content);
  }
  pin.close();
  const { pageCount, lowPageCount } = push;
  return remote.commit({ writes, pageCount, lowPageCount });
}

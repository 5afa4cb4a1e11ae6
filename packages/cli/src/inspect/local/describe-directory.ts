/** A data directory, or the local store of one volume in it, as an open would find it. */
import { examineDirectory, examineStore, type StoreExamination } from "@graft/client/inspect";
import { type FileSystem, GraftError, parseVolumeId } from "@graft/core";
import type { Facts, Inspection } from "../facts.ts";
import { describePage } from "../page/describe-page.ts";
import { stateFacts } from "./state-facts.ts";

/** Files of a directory, for people who wonder where the bytes are. */
function fileFacts(path: string, fileSystem: FileSystem): readonly Facts[] {
  return (fileSystem.list(path) ?? []).flatMap((name) => {
    const stat = fileSystem.stat(`${path}/${name}`);
    return stat?.kind === "file" ? [{ file: name, size: stat.size }] : [];
  });
}

/** @throws GraftError `not-found` · `corrupt` · `invalid-argument`: a newer format */
export async function describeDataDirectory(
  path: string,
  fileSystem: FileSystem,
): Promise<Inspection> {
  const directory = await examineDirectory(path, fileSystem);
  const tags = [...directory.tags];
  const volumes = [...directory.volumes].map(([volume, origin]) => {
    const names = tags.filter(([, named]) => named === volume).map(([tag]) => tag);
    const files = fileFacts(directory.volumePath(volume), fileSystem);
    return { volume, origin, tags: names, files };
  });
  const facts: Facts = { path, client: directory.clientId, volumes };
  return { kind: "data directory", facts };
}

/** Whether a directory is the local store of a volume. */
export function isStoreDirectory(path: string, fileSystem: FileSystem): boolean {
  return (fileSystem.list(path) ?? []).some((name) => /^index-[0-9a-f]{8}$/.test(name));
}

/** @throws GraftError `corrupt`, naming file and offset · `invalid-argument` */
export function describeStore(path: string, fileSystem: FileSystem): Inspection {
  using store = openStore(path, fileSystem);
  let [count, unpushed] = [0, 0];
  for (const { isUnpushed } of store.pages()) {
    count++;
    if (isUnpushed) unpushed++;
  }
  const facts: Facts = {
    path,
    generation: store.generation,
    pageSize: store.pageSize ?? "not known yet",
    ...stateFacts(store.state),
    storedPages: count,
    unpushedPages: unpushed,
    files: fileFacts(path, fileSystem),
  };
  return { kind: "local store", facts };
}

/** The newest version of a page that is here. @throws GraftError `not-found` · `corrupt` */
export async function describeStoredPage(
  path: string,
  index: number,
  fileSystem: FileSystem,
): Promise<Inspection> {
  using store = openStore(path, fileSystem);
  const newest = newestPages(store, index);
  const read = async (wanted: number): Promise<Uint8Array | undefined> => {
    const target = new Uint8Array(store.pageSize ?? 0);
    const page = newest.get(wanted) ?? newestPages(store, wanted).get(wanted);
    return page !== undefined && store.read(page, target) ? target : undefined;
  };
  const stored = newest.get(index);
  if (stored === undefined) throw new GraftError("not-found", `page ${index} is not in "${path}"`);
  const page = await read(index);
  if (page === undefined) {
    const where = `"${stored.path}" at offset ${stored.offset}`;
    throw new GraftError("corrupt", `page ${index} in ${where} fails its checksum`);
  }
  const inspection = await describePage(page, index, read);
  const { version, offset, isUnpushed } = stored;
  const place = { file: stored.path, offset, version, unpushed: isUnpushed };
  return { ...inspection, facts: { ...place, ...inspection.facts } };
}

function newestPages(store: StoreExamination, wanted: number) {
  const newest = new Map<
    number,
    ReturnType<StoreExamination["pages"]> extends Iterable<infer P> ? P : never
  >();
  for (const page of store.pages()) {
    if (page.page !== wanted && page.page !== 1) continue;
    if (page.version > (newest.get(page.page)?.version ?? -1)) newest.set(page.page, page);
  }
  return newest;
}

/** The folder of a store has its volume's name. */
function openStore(path: string, fileSystem: FileSystem): StoreExamination {
  const name = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  try {
    return examineStore({ fileSystem, directory: path, volumeId: parseVolumeId(name) });
  } catch (error) {
    if (!(error instanceof GraftError) || error.code !== "invalid-argument") throw error;
    const hint = "the folder of a local store is called as its volume";
    throw new GraftError("invalid-argument", `"${path}": ${error.message}; ${hint}`, {
      cause: error,
    });
  }
}

import { afterAll, beforeAll } from "vitest";
import { type GraftServer, graftJson, startGraft } from "./run-graft.ts";
import { createTemporaryFolder, type TemporaryFolder } from "./temporary-folder.ts";

/** A folder, and a server whose store lies in it. Both are there while the tests of a file run. */
export interface ServedFolder {
  readonly path: string;
  /** The server's. */
  readonly url: string;
  /** Of the store: for commands that look at it themselves. */
  readonly store: string;
  /** A path in the folder. */
  at(name: string): string;
  /** The words that say which server, and which data directory in the folder. */
  place(name: string): readonly string[];
  /** Imports a database of the folder with a tag, and answers its volume. */
  importFile(file: string, tag: string, name: string): Promise<string>;
}

/** To be called once, before the file's own hooks. */
export function serveFolder(): ServedFolder {
  let folder: TemporaryFolder | undefined;
  let server: GraftServer | undefined;
  const at = (name: string): string => {
    if (folder === undefined) throw new Error("the folder is there while tests run");
    return folder.at(name);
  };
  const urlOf = (): string => {
    if (server === undefined) throw new Error("the server is there while tests run");
    return server.url;
  };
  const place = (name: string): readonly string[] => ["--url", urlOf(), "--path", at(name)];
  beforeAll(async () => {
    folder = createTemporaryFolder();
    server = await startGraft(["serve", "--port", "0", "--store", `file:${at("store")}`]);
  });
  afterAll(async () => {
    await server?.stop();
    folder?.[Symbol.dispose]();
  });
  return {
    get path() {
      return at("");
    },
    get url() {
      return urlOf();
    },
    get store() {
      return `file:${at("store")}`;
    },
    at,
    place,
    async importFile(file, tag, name) {
      const [imported] = await graftJson(["import", at(file), "--tag", tag, ...place(name)]);
      return String(imported?.volume);
    },
  };
}

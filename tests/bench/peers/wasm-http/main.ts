/** A replica of sqlite-wasm-http. argv: the folder of its packages, the address of the file. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { MessageChannel, MessagePort } from "node:worker_threads";
import { serveReplica } from "../serve-replica.ts";

interface Message {
  readonly row?: readonly unknown[];
}
type Call = (name: string, words: object) => Promise<unknown>;
interface Library {
  createHttpBackend(options: object): object;
  createSQLiteThread(options: object): Promise<Call>;
}

/** Both of its threads load by themselves, which is not the protocol's doing. */
const BOOT_MS = 500;

const [folder = "", url = ""] = process.argv.slice(2);
const load = (path: string): Promise<unknown> =>
  import(pathToFileURL(join(folder, "node_modules", path)).href);

// It is made for browsers; this is what its own tests do to run it under Node.
const { default: Worker } = (await load("@mmomtchev/web-worker/cjs/node-js.js")) as {
  readonly default: new (script: URL, options: object) => object;
};
Object.assign(globalThis, {
  self: globalThis,
  location: { href: "http://localhost/" },
  MessageChannel,
  MessagePort,
  Worker: class extends Worker {
    constructor(script: URL, options: object = {}) {
      super(script, { ...options, type: "module" });
    }
  },
});
const library = (await load("sqlite-wasm-http/dist/index.js")) as Library;
const http = library.createHttpBackend({
  maxPageSize: 4096,
  timeout: 120_000,
  cacheSize: 8192,
  backendType: "shared",
});
const call = await library.createSQLiteThread({ http });
await call("config-get", {});
await sleep(BOOT_MS);

await serveReplica({
  async open() {
    await call("open", { filename: `file:${encodeURI(url)}`, vfs: "http" });
  },
  async query(sql, values) {
    const rows: unknown[] = [];
    const callback = ({ row }: Message): void => {
      if (row !== undefined) rows.push(row);
    };
    await call("exec", { sql, bind: values, callback });
    return rows;
  },
});

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Imported, runGraft } from "../graft-child.ts";
import { CREATE_KV } from "./replica.ts";

/** Puts a database without rows on a server of ours. @returns its volume */
export async function importEmpty(serverUrl: string, directory: string): Promise<string> {
  const file = join(directory, "kv.db");
  const db = new DatabaseSync(file);
  db.exec(CREATE_KV);
  db.close();
  return await importFile(serverUrl, file, join(directory, "first"));
}

/** Puts a file on a server of ours. @param path an empty folder @returns its volume */
export async function importFile(serverUrl: string, file: string, path: string): Promise<string> {
  const words = ["import", file, "--url", serverUrl, "--path", path, "--tag", "t"];
  const { volume } = await runGraft<Imported>(...words);
  return volume;
}

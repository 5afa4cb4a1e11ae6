/** A static host in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface StaticServer extends AsyncDisposable {
  readonly url: string;
}

export async function startStaticServer(folder: string): Promise<StaticServer> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL("./main.ts", import.meta.url)), folder],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  return {
    url: String(url),
    async [Symbol.asyncDispose]() {
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** Chromium without a window, asked over a pipe: its DevTools protocol, one JSON object a message. */
import { spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless",
  "--remote-debugging-pipe",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Its sandbox does not start as root.
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

export class Chromium {
  #calls = new Map();
  #listeners = new Map();
  #id = 0;

  /**
   * @param program its path
   * @param hosts names that lead to a loopback port
   * @param trusted a PEM file: the certificate of a server that is believed besides
   */
  constructor(program, { hosts, trusted }) {
    this.folder = mkdtempSync(join(tmpdir(), "graft-browser-"));
    const rules = Object.entries(hosts).map(([name, port]) => `MAP ${name} 127.0.0.1:${port}`);
    const own = [`--user-data-dir=${this.folder}`, `--host-resolver-rules=${rules.join(",")}`];
    if (trusted) own.push(`--ignore-certificate-errors-spki-list=${keyHashOf(trusted)}`);
    // It reads from descriptor 3 and writes to 4.
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"];
    this.child = spawn(program, [...FLAGS, ...own], { stdio });
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("exit", resolve);
    });
    this.ended.catch(() => {});
    this.child.stdio[3].on("error", () => {});
    let begun = [];
    this.child.stdio[4].setEncoding("utf8").on("data", (text) => {
      const [first, ...others] = text.split("\0");
      begun.push(first);
      for (const other of others) {
        this.#receive(JSON.parse(begun.join("")));
        begun = [other];
      }
    });
  }

  /** Opens an empty page. @returns what asks it, and hears of its events */
  async openPage() {
    const { browserContextId } = await this.#call("Target.createBrowserContext");
    const target = { url: "about:blank", browserContextId };
    const { targetId } = await this.#call("Target.createTarget", target);
    const attached = { targetId, flatten: true };
    const { sessionId } = await this.#call("Target.attachToTarget", attached);
    return {
      call: (method, parameters) => this.#call(method, parameters, sessionId),
      on: (event, listener) => this.#listeners.set(`${sessionId} ${event}`, listener),
    };
  }

  async close() {
    this.child.kill("SIGKILL");
    await this.ended.catch(() => {});
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #call(method, params = {}, sessionId = undefined) {
    this.#id += 1;
    const id = this.#id;
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
    this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const ended = this.ended.then((code) => {
      throw new Error(`chromium ended with ${code}, while ${method} was asked`);
    });
    return await Promise.race([answer, ended]);
  }

  #receive({ id, result, error, method, params, sessionId }) {
    if (id === undefined) return void this.#listeners.get(`${sessionId} ${method}`)?.(params);
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error.message));
  }
}

/** SHA-256 of a certificate's public key, base64. */
function keyHashOf(file) {
  const { publicKey } = new X509Certificate(readFileSync(file));
  const key = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(key).digest("base64");
}

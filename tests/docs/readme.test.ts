/** What the README shows is run: every command, and the TypeScript example as it stands. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const SCRIPTS = (
  JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
  }
).scripts;

/** `npx -y pnpm@12 …`, without the remark behind it. */
const COMMANDS = blocks("sh").flatMap((block) =>
  block
    .split("\n")
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== ""),
);

let folder: string;
let server: ChildProcess;
let url: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "graft-readme-"));
  makeForum(join(folder, "forum.db"));
  server = start(["start", "--port", "0", "--json"]);
  const first = await new Promise<string>((resolve) => {
    server.stdout?.setEncoding("utf8").once("data", resolve);
  });
  ({ url } = JSON.parse(first) as { readonly url: string });
});

afterAll(async () => {
  server?.kill("SIGTERM");
  await new Promise((resolve) => server?.once("close", resolve));
  rmSync(folder, { recursive: true, force: true });
});

describe("the README", () => {
  it("shows commands that are scripts of this workspace", () => {
    for (const command of COMMANDS) {
      const [npx, flag, pnpm, script] = command.split(" ");
      expect([npx, flag, pnpm]).toEqual(["npx", "-y", "pnpm@12"]);
      expect(Object.keys(SCRIPTS)).toContain(script);
    }
    // `test` runs this, `demo` has a test of its own, `start` is the server below.
    const rest = COMMANDS.filter((command) => !command.includes(" graft "));
    expect(rest.map((command) => command.split(" ")[3])).toEqual(["demo", "test", "start"]);
  });

  it("shows graft commands that work, one after another", async () => {
    const commands = COMMANDS.filter((command) => command.includes(" graft "));
    expect(commands.length).toBeGreaterThan(8);
    let volume = "";
    for (const command of commands) {
      const words = splitWords(command).slice(3);
      expect(words.shift()).toBe("graft");
      const told = words.map((word) => (word === "VOLUME" ? volume : word));
      const { code, stdout, stderr } = await run(told);
      expect(`${command}: ${code} ${stderr}`).toMatch(/: 0 /);
      volume = /volume (\S{22})/.exec(stdout)?.[1] ?? volume;
    }
    const copy = new DatabaseSync(join(folder, "forum-copy.db"));
    expect(copy.prepare("SELECT count(*) AS n FROM posts").get()).toEqual({ n: 1 });
    copy.close();
  });

  it("shows an example of about 20 lines that does what it says", async () => {
    const [example = ""] = blocks("ts");
    expect(example.split("\n").length).toBeLessThanOrEqual(26);
    const { code, stdout, stderr } = await runExample(example);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe("[ 'milk', 'bread', 'butter' ]\n");
  });
});

function blocks(language: string): readonly string[] {
  const found = README.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"));
  return Array.from(found, ([, text = ""]) => text.trim());
}

function splitWords(command: string): string[] {
  const words = command.match(/"[^"]*"|\S+/g) ?? [];
  return words.map((word) => word.replaceAll('"', ""));
}

/** The command line, as the scripts run it. */
function start(words: readonly string[]): ChildProcess {
  const main = join(ROOT, "packages/cli/src/main.ts");
  expect(SCRIPTS.graft).toMatch(/ --conditions=@graft\/source packages\/cli\/src\/main.ts$/);
  return spawn(process.execPath, ["--conditions=@graft/source", main, ...words], {
    cwd: folder,
    env: environment(),
  });
}

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(words: readonly string[]): Promise<Run> {
  const child = start(words);
  child.stdin?.end();
  return finish(child);
}

/** Runs where the packages can be found; its data goes to the temporary folder. */
function runExample(example: string): Promise<Run> {
  const flags = ["--conditions=@graft/source", "--input-type=module-typescript"];
  const child = spawn(process.execPath, flags, {
    cwd: join(ROOT, "tests"),
    env: environment(),
  });
  child.stdin.end(example.replaceAll('path: "./', `path: "${folder}/`));
  return finish(child);
}

function environment(): NodeJS.ProcessEnv {
  return url === undefined ? process.env : { ...process.env, GRAFT_URL: url };
}

async function finish(child: ChildProcess): Promise<Run> {
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, stdout, stderr };
}

function makeForum(path: string): void {
  const database = new DatabaseSync(path);
  database.exec(`
    CREATE TABLE posts (id INTEGER PRIMARY KEY, body TEXT);
    INSERT INTO posts (body) VALUES ('one'), ('two');`);
  database.close();
}

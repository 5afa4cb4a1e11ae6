/** deploy/**: what it starts is there, with flags that there are. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const MAIN = fileURLToPath(new URL("packages/cli/src/main.ts", ROOT));

const DOCKERFILE = readText("deploy/docker/Dockerfile");
const COMMANDS: readonly (readonly [string, string])[] = [
  ["the Dockerfile", wordsOf(/^CMD \[(.+)\]$/m.exec(DOCKERFILE)?.[1] ?? "")],
  ["its comments, a MetaStore", /docker run … graft (metastore .+)$/m.exec(DOCKERFILE)?.[1] ?? ""],
  ["its comments, a PageStore", /docker run … graft (pagestore .+)$/m.exec(DOCKERFILE)?.[1] ?? ""],
  ["compose", /^ {4}command: (serve .+)$/m.exec(readText("deploy/docker/compose.yml"))?.[1] ?? ""],
  ["Fly.io", /^app = "(serve .+)"$/m.exec(readText("deploy/fly/fly.toml"))?.[1] ?? ""],
];

test.each(COMMANDS)("%s starts a server with flags that there are", (_what, command) => {
  const [verb = "", ...words] = command.split(" ");
  const help = execFileSync(process.execPath, ["--conditions=@graft/source", MAIN, verb, "--help"]);
  const flags = words.filter((word) => word.startsWith("--"));
  expect(flags).toContain("--host");
  for (const flag of flags) expect(String(help)).toContain(`${flag} `);
});

test("what the Dockerfile copies is there, and it does not run as root", () => {
  const copied = [...DOCKERFILE.matchAll(/^COPY (?!--)(.+) \S+$/gm)].flatMap(([, names = ""]) =>
    names.split(" "),
  );
  expect(copied.length).toBeGreaterThan(5);
  for (const name of copied) expect(existsSync(new URL(name, ROOT)), name).toBe(true);
  expect(DOCKERFILE).toMatch(/^USER node$/m);
  expect(DOCKERFILE).toContain("/healthz");
});

test("Prometheus asks the server that compose starts, and knows the alarms", () => {
  const compose = readText("deploy/docker/compose.yml");
  const prometheus = readText("deploy/prometheus/prometheus.yml");
  const [, target = ""] = /targets: \["([a-z]+):3000"\]/.exec(prometheus) ?? [];
  expect(compose).toMatch(new RegExp(`^ {2}${target}:$`, "m"));
  const [, rules = ""] = /rule_files: \["(.+)"\]/.exec(prometheus) ?? [];
  expect(existsSync(new URL(`deploy/prometheus/${rules}`, ROOT))).toBe(true);
});

function wordsOf(list: string): string {
  return [...list.matchAll(/"([^"]*)"/g)].map(([, word]) => word).join(" ");
}

function readText(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8");
}

/**
 * What tests need of Debian's packages: `node scripts/debian.ts` installs what is missing, with
 * `apt-get`, as root. Nothing is asked of it when everything is there. Tests whose programs are
 * missing report themselves as skipped; in CI they fail.
 */
import { spawnSync } from "node:child_process";

interface DebianPackage {
  readonly name: string;
  /** Ends with 0 where the package is not needed. */
  readonly check: readonly [string, ...string[]];
}

const PACKAGES: readonly DebianPackage[] = [
  { name: "chromium", check: ["chromium", "--version"] },
  { name: "curl", check: ["curl", "--version"] },
  { name: "jq", check: ["jq", "--version"] },
  { name: "python3-venv", check: ["python3", "-c", "import ensurepip, venv"] },
];
const APT = ["-qq", "-y", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300"] as const;

const missing = PACKAGES.filter(({ check }) => !succeeds(check)).map(({ name }) => name);
if (missing.length > 0) {
  console.log(`Debian: installs ${missing.join(", ")}`);
  aptGet("update");
  aptGet("install", "--no-install-recommends", ...missing);
}
console.log(`Debian: ${PACKAGES.map(({ name }) => name).join(", ")}`);

/** @throws Error with what to do by hand */
function aptGet(...words: readonly string[]): void {
  const { error, status } = spawnSync("apt-get", [...APT, ...words], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (error === undefined && status === 0) return;
  const message = `\`apt-get ${words.join(" ")}\` ended with ${status}: expected 0; install as root`;
  throw new Error(`${message}: ${missing.join(" ")}`, { cause: error });
}

function succeeds([program, ...words]: readonly [string, ...string[]]): boolean {
  return spawnSync(program, words, { stdio: "ignore" }).status === 0;
}

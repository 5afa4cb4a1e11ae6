import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { GraftError } from "@graft/core";
import type { Command } from "../command.ts";
import { JSON_FLAG } from "../flags.ts";

/** The workspace's bench script; it is not part of the package. */
const SCRIPT = fileURLToPath(new URL("../../../../tests/bench/main.ts", import.meta.url));

/** `graft bench [NAME …]`: the bench script of the workspace. */
export const bench: Command = {
  name: "bench",
  summary: "measure, each figure beside its baseline (in a checkout of the workspace)",
  positionals: "[NAME …]",
  positionalCount: { min: 0, max: Number.POSITIVE_INFINITY },
  flags: [
    { name: "rtt", value: "MS", help: "round-trip time to add between client and services" },
    { name: "quick", help: "less work, for a look" },
    JSON_FLAG,
  ],
  async run({ positionals, signal, switches, values }) {
    if (!existsSync(SCRIPT)) {
      throw new GraftError("not-found", "graft bench runs in a checkout of the workspace only");
    }
    const words = [...positionals, ...[...switches].map((name) => `--${name}`)];
    const rtt = values.get("rtt");
    if (rtt !== undefined) words.push("--rtt", rtt);
    const child = spawn(process.execPath, [...process.execArgv, SCRIPT, ...words], {
      stdio: "inherit",
      signal,
    });
    const [code] = (await once(child, "close")) as [number | null];
    if (code === 0) return;
    throw new GraftError(
      code === 2 ? "invalid-argument" : "internal",
      `graft bench: the bench script ended with ${code ?? "a signal"}`,
    );
  },
};

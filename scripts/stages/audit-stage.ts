import { judgeAudit } from "./audit-report.ts";
import { runProgram } from "./run-program.ts";
import type { Stage } from "./stage.ts";

/** An answer takes a second; a registry that is away is not waited for. */
const AUDIT_MS_MAX = 30_000;

const COMMAND = ["pnpm", "audit", "--prod", "--json"] as const;

/** What the packages depend on when they run has no known hole of weight. Asks the registry. */
export function auditStage(): Stage {
  return {
    name: "audit",
    async run() {
      const env = { PNPM_CONFIG_FETCH_RETRIES: "0" };
      const { output } = await runProgram(COMMAND, { timeoutMs: AUDIT_MS_MAX, env });
      return judgeAudit(output);
    },
  };
}

import { DID_NOT_END } from "./run-program.ts";
import { NO_TESTS, type StageResult } from "./stage.ts";

/** What we read of `pnpm audit --json`. */
interface AuditReport {
  readonly advisories: Readonly<Record<string, Advisory>>;
}

interface Advisory {
  readonly title: string;
  readonly module_name: string;
  readonly severity: string;
  readonly vulnerable_versions: string;
  readonly url: string;
  /** A path begins with the folder of a workspace package: `packages__auth>jose`. */
  readonly findings: readonly { readonly version: string; readonly paths: readonly string[] }[];
}

/** What may not be shipped. The rest is named and left to people. */
const REFUSED: ReadonlySet<string> = new Set(["high", "critical"]);

const SAID_SIZE_MAX = 300;

/** pnpm's words for a registry that is away, or knows no advisories. */
const NO_ANSWER = ["ERR_PNPM_AUDIT_BAD_RESPONSE", DID_NOT_END] as const;

/** Only these reach somebody: what tools and tests depend on does not. */
const SHIPPED = "packages__";

/**
 * Fails on a high or critical advisory for something that a published package depends on. Passes,
 * and says that nothing was judged, where the registry gave no answer: that is no fault of ours.
 */
export function judgeAudit(output: string): StageResult {
  const report = readReport(output);
  if (report === undefined) {
    if (!NO_ANSWER.some((words) => output.includes(words))) return failed(output);
    const said = output.replaceAll(/\s+/g, " ").trim().slice(0, SAID_SIZE_MAX);
    return passed(`no dependency was judged, the registry does not answer: ${said}\n`);
  }
  const shipped = Object.values(report.advisories).filter(isShipped);
  const refused = shipped.filter(({ severity }) => REFUSED.has(severity));
  const lines = shipped.map(describe).join("");
  return refused.length === 0 ? passed(lines) : failed(lines);
}

function passed(report: string): StageResult {
  return { isOk: true, counts: NO_TESTS, report };
}

function failed(report: string): StageResult {
  return { isOk: false, counts: { ...NO_TESTS, failed: 1 }, report };
}

/** Of standard output and error together: the report begins at a line of its own. */
function readReport(output: string): AuditReport | undefined {
  try {
    const [from, to] = [output.search(/^\{/m), output.lastIndexOf("}")];
    const report = JSON.parse(output.slice(from, to + 1)) as Partial<AuditReport>;
    return report.advisories === undefined ? undefined : { advisories: report.advisories };
  } catch {
    return undefined;
  }
}

function isShipped({ findings }: Advisory): boolean {
  return findings.some(({ paths }) => paths.some((path) => path.startsWith(SHIPPED)));
}

function describe(advisory: Advisory): string {
  const versions = advisory.findings.map(({ version }) => version).join(", ");
  const paths = advisory.findings.flatMap((finding) => finding.paths);
  return (
    `${advisory.severity}: ${advisory.module_name} ${versions} (${advisory.title}), expected none ` +
    `of ${advisory.vulnerable_versions}; from ${paths.join(", ")}; see ${advisory.url}\n`
  );
}

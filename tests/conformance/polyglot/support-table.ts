/**
 * The table of docs/protocol.md: what each client can do over each protocol, as the suite runs it.
 */
import type { Compression, Protocol, Step } from "./contract.ts";
import { gapOf } from "./expect-session.ts";
import type { Program } from "./program.ts";

/** A column, and what must work for a "yes" in it. */
const FEATURES: readonly (readonly [title: string, needs: readonly (Step | Compression)[]])[] = [
  ["create, write, commit", ["create", "write", "commit"]],
  ["retry", ["retry"]],
  ["rejected, with details", ["reject"]],
  ["pull, read", ["pull", "read"]],
  ["page stream", ["stream"]],
  ["watch, cancel", ["watch"]],
  ["deadline", ["deadline"]],
  ["size limit", ["limit"]],
  ["health", ["health"]],
  ["compressed requests", ["compressed requests"]],
  ["compressed answers", ["compressed answers"]],
  // Without them no session begins, or has its end.
  ["told when to retry", []],
  ["token", []],
  ["TLS", []],
];

const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  connect: "Connect",
  grpc: "gRPC",
  "grpc-web": "gRPC-Web",
};

/** Markdown, a row for each program and protocol. */
export function renderSupportTable(programs: readonly Program[]): string {
  const titles = FEATURES.map(([title]) => title);
  const rows = programs.flatMap((program) =>
    program.protocols.map((protocol) => [
      `[${program.client}](../examples/${program.name}/README.md)`,
      PROTOCOL_NAMES[protocol],
      ...FEATURES.map(([, needs]) => cellOf(program, protocol, needs)),
    ]),
  );
  return [["client", "protocol", ...titles], Array(titles.length + 2).fill("---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`.replaceAll(" --- ", "---"))
    .join("\n");
}

function cellOf(
  program: Program,
  protocol: Protocol,
  needs: readonly (Step | Compression)[],
): string {
  const reasons = needs.map((what) => gapOf(program, protocol, what)).filter(isText);
  return reasons.length === 0 ? "yes" : `no: ${[...new Set(reasons)].join("; ")}`;
}

function isText(text: string | undefined): text is string {
  return text !== undefined;
}

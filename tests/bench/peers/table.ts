/** The scorecard as Markdown. Pure: a scorecard in, text out. */
import { wrapProse } from "../../../scripts/tidiness/prose.ts";
import { leadersBeside } from "./leaders.ts";
import {
  type ColdResult,
  countedRtt,
  isLoaded,
  type Scorecard,
  type ScorecardQuery,
  type WorkResult,
} from "./scorecard.ts";
import { formatKilobytes, formatNumber, formatSpread } from "./spread.ts";

export function writeScorecard(card: Scorecard): string {
  const sections = [
    head(card),
    ...card.queries.map((query) => querySection(card, query)),
    worksSection(card),
    aheadSection(card),
    peersSection(card),
    "",
  ];
  const text = sections.filter((section) => section !== undefined).join("\n\n");
  return wrapProse("scorecard.md", text);
}

/** A table; cells that are too many or too few are a mistake of the caller. */
export function writeTable(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  const rule = `|${columns.map((_, at) => (at === 0 ? "---" : "--:")).join("|")}|`;
  return [line(columns), rule, ...rows.map(line)].join("\n");
}

function head(card: Scorecard): string {
  const { machine, dataset } = card;
  const [before, after] = machine.load;
  const loaded = isLoaded(card)
    ? "\n\n**The milliseconds were taken on a loaded machine and are no claim**: they wait for a " +
      "run on a quiet\none. Requests, round trips and bytes are counted, and exact."
    : "";
  return `# Scorecard

Written by \`${card.command}\` on ${card.takenAt.slice(0, 10)} at commit \`${card.commit}\`; the
same command writes it anew. \`scorecard.json\` beside it has every figure.

- **Machine**: ${machine.processors} × ${machine.model}, ${formatNumber(machine.memoryBytes / 1e9)} GB,
  ${machine.system}, Node ${machine.node}; load ${before} before and ${after} after.
- **Dataset**: a forum of ${formatNumber(dataset.posts)} posts, ${formatNumber(dataset.users)} users
  and ${formatNumber(dataset.likes)} likes, seed ${dataset.seed}: ${formatNumber(dataset.bytes / 1e6)} MB,
  ${formatNumber(dataset.pages)} pages of 4 KiB, made with SQLite.
- **Cold**: a fresh process with its libraries loaded and nothing else; its figures include opening.
  *Again* is the same query once more, *similar* the same with other values after that; *MB* is the
  memory of the process.
- **Counted** by one proxy between replica and server, the same for all: it holds every byte for half
  a round-trip time each way, and a new TCP connection takes a round trip of its own. A *round trip*
  is a request that could not be sent before an earlier answer had come. Bytes are those that came
  to the replica, HTTP heads and framing included. No TLS, and bandwidth without a limit.
- **Limit**: the pages that a fresh SQLite touches for the query, compressed together in zstd.
- Every answer is compared with SQLite's on the file. Medians, and in brackets the least and the most.${loaded}

![Bytes and round trips of each query](scorecard.svg)`;
}

function querySection(card: Scorecard, query: ScorecardQuery): string {
  const counted = countedRtt(card.rtts);
  const mark = isLoaded(card) ? "ms*" : "ms";
  const columns = [
    "",
    "round trips",
    "requests",
    "kB",
    "× limit",
    ...card.rtts.map((rtt) => `${mark} at ${rtt}`),
    `${mark} again`,
    "MB",
    "similar: round trips",
    "similar: kB",
  ];
  const rows = card.peers.map(({ name, absence }) => {
    const results = card.cold.filter((one) => one.peer === name && one.query === query.name);
    return [name, ...cellsOf(card, query, results, counted, absence)];
  });
  const limit = `${query.limitPages} pages, ${formatKilobytes(query.limitBytes)} kB in zstd`;
  const note = isLoaded(card) ? "\n\n\\* on a loaded machine." : "";
  return `## ${query.name}: ${query.what}

\`\`\`sql
${query.sql}
\`\`\`

Limit: ${limit}. Counted at ${counted} ms.

${writeTable(columns, rows)}${note}`;
}

function cellsOf(
  card: Scorecard,
  query: ScorecardQuery,
  results: readonly ColdResult[],
  counted: number,
  absence: string | undefined,
): readonly string[] {
  const blank = (count: number): string[] => Array.from({ length: count }, () => "–");
  const main = results.find(({ rtt }) => rtt === counted);
  const ms = card.rtts.map((rtt) => msCell(results.find((one) => one.rtt === rtt)));
  if (absence !== undefined) return [`not run: ${absence}`, ...blank(3 + ms.length + 4)];
  if (main === undefined) return [...blank(4), ...ms, ...blank(4)];
  if (main.kind === "failed") return [`failed: ${main.why}`, ...blank(3), ...ms, ...blank(4)];
  const { roundTrips, requests, bytesDown, again, similar, residentBytes } = main;
  return [
    formatSpread(roundTrips),
    formatSpread(requests),
    formatSpread(bytesDown, formatKilobytes),
    formatNumber(bytesDown.median / query.limitBytes),
    ...ms,
    formatSpread(again.ms),
    formatNumber(residentBytes.median / 1e6),
    similar === undefined ? "–" : formatSpread(similar.roundTrips),
    similar === undefined ? "–" : formatSpread(similar.bytesDown, formatKilobytes),
  ];
}

function msCell(result: ColdResult | undefined): string {
  if (result === undefined) return "–";
  return result.kind === "failed" ? "failed" : formatSpread(result.ms);
}

function worksSection({ works }: Scorecard): string | undefined {
  if (works.length === 0) return undefined;
  const names = [...new Set(works.map(({ work }) => work))];
  const tables = names.map((name) => {
    const rows = works.filter(({ work }) => work === name);
    return `### ${name}\n\n${writeTable(["", "added RTT", "figures"], rows.map(workRow))}`;
  });
  return `## Other work\n\n${tables.join("\n\n")}`;
}

function workRow({ peer, rtt, figures, why }: WorkResult): readonly string[] {
  const texts = figures?.map(({ name, unit, spread }) => `${name} ${formatSpread(spread)} ${unit}`);
  return [peer, `${rtt} ms`, texts?.join(" · ") ?? why ?? "–"];
}

function aheadSection(card: Scorecard): string {
  const lines = leadersBeside(card).map(({ query, measure, peer, theirs, ours, why }) => {
    const figures = `${peer} ${formatNumber(theirs)}, ours ${formatNumber(ours)}`;
    return `- ${query}, ${measure}: ${figures}${why === undefined ? "" : `. ${why}`}`;
  });
  const none = "Nobody, in no row.";
  const leftOut = isLoaded(card) ? "\n\nMilliseconds are left out: the machine was loaded." : "";
  return `## Where a peer is ahead of the best of ours

${lines.length === 0 ? none : lines.join("\n")}${leftOut}`;
}

function peersSection({ peers }: Scorecard): string {
  const entries = peers.map(({ name, packages, way, unfair, absence }) => {
    const items = [
      `- **${name}** (${packages.map((one) => `\`${one}\``).join(", ")}): ${way}.`,
      ...(absence === undefined ? [] : [`  - Not run: ${absence}`]),
      ...unfair.map((one) => `  - Unfair: ${one}.`),
    ];
    return items.join("\n");
  });
  return `## What was compared, and what is unfair in it

${entries.join("\n")}`;
}

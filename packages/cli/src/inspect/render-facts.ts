/** Facts as text: names on the left, lists of alike things as tables, everything else indented. */
import { encodeHex, MutablePageSet } from "@graft/core";
import { formatTable } from "../text-table.ts";
import { type Fact, type Facts, isFacts, isList, pageSetText } from "./facts.ts";

/** Rows of one table; `--json` has them all. */
const ROW_COUNT_MAX = 64;
/** Runs of one page set. */
const RUN_COUNT_MAX = 12;

/** Lines without a last line break. */
export function renderFacts(facts: Facts): string {
  return linesOf(facts).join("\n");
}

function linesOf(facts: Facts): readonly string[] {
  const entries = Object.entries(facts).filter(([, fact]) => fact !== undefined);
  const plain = entries.filter(([, fact]) => !isNested(fact));
  const width = Math.max(0, ...plain.map(([name]) => name.length));
  return entries.flatMap(([name, fact]) =>
    isNested(fact)
      ? nestedLines(name, fact)
      : [`${name.padEnd(width)}  ${scalarText(fact)}`.trimEnd()],
  );
}

/** Lists of plain values stay on their line. */
function isNested(fact: Fact): fact is Facts | readonly Fact[] {
  if (isList(fact)) return fact.some((one) => isFacts(one)) || fact.length === 0;
  return isFacts(fact);
}

function nestedLines(name: string, fact: Facts | readonly Fact[]): readonly string[] {
  if (!isList(fact)) return [`${name}:`, ...indent(linesOf(fact as Facts))];
  if (fact.length === 0) return [];
  const rows = fact.filter(isFacts);
  const shown = rows.slice(0, ROW_COUNT_MAX);
  const left = rows.length - shown.length;
  const more = left > 0 ? [`… ${left} more; --json has them all`] : [];
  return [`${name} (${rows.length}):`, ...indent([...rowLines(shown), ...more])];
}

/** A table of what is plain in the rows; what is nested in one stands below it. */
function rowLines(rows: readonly Facts[]): readonly string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = names.filter((name) => rows.some((row) => isShown(row[name])));
  const cells = rows.map((row) =>
    columns.map((name) => {
      const fact = row[name];
      if (!isShown(fact)) return "";
      return typeof fact === "number" ? fact : scalarText(fact);
    }),
  );
  const [header = "", rule = "", ...lines] = formatTable(columns, cells).split("\n");
  return [
    header,
    rule,
    ...lines.flatMap((line, at) => [line, ...indent(deeperLines(rows[at] ?? {}))]),
  ];
}

function deeperLines(row: Facts): readonly string[] {
  return Object.entries(row).flatMap(([name, fact]) =>
    isNested(fact) ? nestedLines(name, fact) : [],
  );
}

function isShown(fact: Fact): boolean {
  return fact !== undefined && !isNested(fact);
}

function scalarText(fact: Fact): string {
  if (fact instanceof Uint8Array) return encodeHex(fact);
  if (fact instanceof MutablePageSet) return pageSetText(fact, RUN_COUNT_MAX);
  if (isList(fact)) return fact.map(scalarText).join(" ");
  return String(fact);
}

function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

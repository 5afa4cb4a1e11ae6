import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EXPECTED, STEPS } from "./contract.ts";
import { PROGRAMS } from "./programs.ts";
import { renderSupportTable } from "./support-table.ts";

const ROOT = new URL("../../../", import.meta.url);

test("docs/protocol.md says of every client what the suite says of it", () => {
  const page = readFileSync(new URL("docs/protocol.md", ROOT), "utf8");
  const table = /<!-- table: polyglot -->\n((?:\|.*\n)+)/.exec(page)?.[1];
  expect(table?.trimEnd()).toBe(renderSupportTable(PROGRAMS));
});

test("examples/README.md has the steps of the contract, and what each reports", () => {
  const page = readFileSync(new URL("examples/README.md", ROOT), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z]+)` \| .* \| (.*) \|$/gm)];
  expect(rows.map(([, step]) => step)).toEqual(STEPS);
  for (const [at, step] of STEPS.entries()) {
    for (const field of Object.keys(EXPECTED[step]))
      expect(rows[at]?.[2]).toContain(`\`${field}\``);
  }
});

test("every folder of examples is a program of the suite", () => {
  const entries = readdirSync(new URL("examples", ROOT), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  expect(PROGRAMS.map(({ name }) => name).sort()).toEqual(folders.sort());
});

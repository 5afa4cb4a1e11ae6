import { describe, expect, it } from "vitest";
import { SchemaLineage } from "./schema-lineage.ts";

describe("the schema that a connection knows", () => {
  it("is trusted along one history: local commits, pulls, pushes", () => {
    const lineage = new SchemaLineage();
    lineage.show({ version: 5, baseVersion: 5 });
    lineage.show({ version: 7, baseVersion: 7 });
    lineage.noteCommitted(8);
    lineage.show({ version: 9, baseVersion: 7 });
    lineage.show({ version: 10, baseVersion: 9 });
    expect(lineage.offset).toBe(0);
  });

  it("is not trusted after local commits that were shown may have been given up", () => {
    const lineage = new SchemaLineage();
    lineage.show({ version: 6, baseVersion: 5 });
    lineage.show({ version: 8, baseVersion: 8 });
    expect(lineage.offset).toBeGreaterThan(0);
  });

  it("is not trusted after local commits that it made may have been given up", () => {
    const lineage = new SchemaLineage();
    lineage.show({ version: 5, baseVersion: 5 });
    lineage.noteCommitted(6);
    lineage.show({ version: 8, baseVersion: 7 });
    const { offset } = lineage;
    expect(offset).toBeGreaterThan(0);
    lineage.show({ version: 12, baseVersion: 11 });
    expect(lineage.offset).not.toBe(offset);
  });
});

import { PAGE_SIZE_DEFAULT, toLsn } from "@graft/core";
import { nodeCompute as compute } from "@graft/core/node";
import { arbitraryLsn, arbitraryPageSize, arbitraryVolumeId } from "@graft/core/testing";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeVolumeRecord, encodeVolumeRecord, type VolumeRecord } from "./volume-record.ts";

const objectName = "volumes/x/volume";
const records: fc.Arbitrary<VolumeRecord> = fc
  .tuple(
    arbitraryVolumeId(),
    arbitraryPageSize(),
    fc.integer({ min: 0, max: 8_640_000_000_000_000 }),
    fc.option(fc.record({ volumeId: arbitraryVolumeId(), lsn: arbitraryLsn() })),
  )
  .filter(([volumeId, , , parent]) => parent?.volumeId !== volumeId)
  .map(([volumeId, pageSize, createdMs, parent]) =>
    parent === null ? { volumeId, pageSize, createdMs } : { volumeId, pageSize, createdMs, parent },
  );

describe("a volume record", () => {
  test("gives back what was encoded", () => {
    fc.assert(
      fc.property(records, (record) => {
        const bytes = encodeVolumeRecord(record, compute);
        const options = { objectName, volumeId: record.volumeId };
        expect(decodeVolumeRecord(bytes, compute, options)).toEqual(record);
      }),
    );
  });

  test("of another volume, of its own parent, or of a time that is none is refused", () => {
    const [one, other] = fc.sample(arbitraryVolumeId(), 2);
    if (one === undefined || other === undefined) throw new Error("a sample has two");
    const record = { volumeId: one, pageSize: PAGE_SIZE_DEFAULT, createdMs: 5 };
    const bytes = encodeVolumeRecord(record, compute);
    expect(() => decodeVolumeRecord(bytes, compute, { objectName, volumeId: other })).toThrow(
      `${objectName} is corrupt: expected volume ${other}, got ${one}`,
    );
    const orphan = { ...record, parent: { volumeId: one, lsn: toLsn(1n) } };
    expect(() => encodeVolumeRecord(orphan, compute)).toThrow("it is its own parent");
    expect(() => encodeVolumeRecord({ ...record, createdMs: -1 }, compute)).toThrow("got -1");
  });
});

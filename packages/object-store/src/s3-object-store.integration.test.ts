import { systemClock, systemRandom } from "@graft/core/node";
import { describe, it } from "vitest";
import { parseS3Location } from "./s3-location.ts";
import { S3ObjectStore } from "./s3-object-store.ts";
import { objectStoreContract } from "./testing/contract.ts";

const url = process.env.GRAFT_TEST_S3_URL;

let runCount = 0;

if (url === undefined) {
  describe("s3: on a real server keeps the object store's promises", () => {
    it.skip("needs GRAFT_TEST_S3_URL, such as s3://bucket/prefix?endpoint=http://127.0.0.1:9000");
  });
} else {
  objectStoreContract("s3: on a real server", async () => {
    const parsed = parseS3Location(url, process.env);
    const prefix = [parsed.prefix, `contract-${Date.now()}-${process.pid}-${runCount++}`];
    const location = { ...parsed, prefix: prefix.filter((part) => part !== "").join("/") };
    const open = (): S3ObjectStore =>
      // Pages of 10, so that listings of 25 take several.
      new S3ObjectStore({ location, clock: systemClock, random: systemRandom, listPageCount: 10 });
    return {
      store: open(),
      open: async () => open(),
      remove: async () => {
        const store = open();
        for await (const { key } of store.list("")) await store.delete(key);
        await store.close();
      },
    };
  });
}

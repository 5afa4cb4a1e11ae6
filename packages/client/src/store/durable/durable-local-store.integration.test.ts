import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createVolumeId } from "@graft/core";
import { nodeFileSystem, systemClock, systemRandom } from "@graft/core/node";
import { localStoreContract } from "../../testing/local-store-contract.ts";
import { openLocalStore } from "./open-local-store.ts";

const volumeId = createVolumeId({ clock: systemClock, random: systemRandom });

localStoreContract("a durable local store on real files", "durable", () => {
  const directory = mkdtempSync(join(tmpdir(), "graft-store-"));
  return {
    open: () => openLocalStore({ fileSystem: nodeFileSystem, directory, volumeId }),
    remove: () => rmSync(directory, { recursive: true }),
  };
});

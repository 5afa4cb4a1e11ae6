import { fileSystemContract } from "./file-system-contract.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

fileSystemContract("the simulated disk", () => {
  const fileSystem = new SimulatedDisk();
  fileSystem.makeDirectory("/root");
  return { fileSystem, root: "/root" };
});

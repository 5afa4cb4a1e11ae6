import { MemoryObjectStore } from "./memory-object-store.ts";
import { objectStoreContract } from "./testing/contract.ts";

objectStoreContract("memory:", async () => {
  const store = new MemoryObjectStore();
  return { store, open: async () => store };
});

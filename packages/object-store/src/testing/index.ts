/** The contract every store passes, and a store in bad weather. */
export { type ObjectStoreFixture, objectStoreContract } from "./contract.ts";
export type { FaultRule, ObjectStoreFault } from "./fault-plan.ts";
export { FaultyObjectStore } from "./faulty-object-store.ts";

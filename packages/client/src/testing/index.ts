/** What every local store promises, as suites. */
export { type LocalStoreFixture, localStoreContract } from "./local-store-contract.ts";
/** Histories in which the power goes out, for stores on a simulated disk. */
export { type CutCensus, type PowerCutsOptions, runPowerCuts } from "./store-model/power-cuts.ts";

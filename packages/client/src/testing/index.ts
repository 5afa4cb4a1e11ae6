/** What every local store promises, as suites. */
export { type LocalStoreFixture, localStoreContract } from "./local-store-contract.ts";

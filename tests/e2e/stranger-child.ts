/** Opens a data directory without the rights of its owner, and says as JSON what came of it. */
import { isGraftError } from "@graft/core";
import { openDatabase } from "@graft/sqlite/node";

const [path = ""] = process.argv.slice(2);
/** Nobody, where we may become anybody; whose rights were taken away otherwise. */
const NOBODY = 65_534;
// What the program is made of is loaded as who we are.
await (await openDatabase()).close();
if (process.getuid?.() === 0) process.seteuid?.(NOBODY);
try {
  await using db = await openDatabase({ path });
  say({ code: "none", message: JSON.stringify(await db.prepare("select * from t").all()) });
} catch (error) {
  const code = isGraftError(error) ? error.code : "unknown";
  say({ code, message: error instanceof Error ? error.message : String(error) });
}

function say(answer: { readonly code: string; readonly message: string }): void {
  process.stdout.write(JSON.stringify(answer));
}

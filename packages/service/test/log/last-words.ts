/** Says more in its last turn than a terminal holds at a time. */
import { openStandardError } from "@portcullis/service";

const lines = openStandardError();
lines.write("first\n");
lines.write(`${"x".repeat(79)}\n`.repeat(5000));
lines.write("the last of them\n");
process.exit(0);

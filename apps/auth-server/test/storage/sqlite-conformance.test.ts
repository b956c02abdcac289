import { storageConformance } from "./conformance.ts";
import { closingStorages, storageOptions, temporaryFile } from "./temporary-storage.ts";

storageConformance(async (t, options) => ({
  open: closingStorages(t, { ...storageOptions(temporaryFile(t)), ...options }),
}));

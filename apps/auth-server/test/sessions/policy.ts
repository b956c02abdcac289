import type { PolicySettings } from "@portcullis/protocol";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";

/** Changes the policy as the API would. */
export async function changePolicy(
  { server: { storage, policies } }: ServerUnderTest,
  change: Partial<PolicySettings>,
): Promise<void> {
  await storage.write(async (transaction) => {
    const { name: _name, revision: _revision, ...before } = await policies.lock(transaction, "default");
    await policies.change(transaction, await policies.lock(transaction, "default"), { ...before, ...change });
  });
}

import type { PolicySettings } from "@portcullis/protocol";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";

/** Changes the policy as the API would. */
export async function changePolicy(
  {
    server: { storage, policies },
  }: { readonly server: Pick<ServerUnderTest["server"], "storage" | "policies"> },
  change: Partial<PolicySettings>,
): Promise<void> {
  await storage.write(async (transaction) => {
    const before = await policies.lock(transaction, "default");
    const { name: _name, revision: _revision, ...settings } = before;
    await policies.change(transaction, { before, after: { ...settings, ...change }, actor: "admin" });
  });
}

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  assertEverywhere,
  type ClientRegistration,
  type IssuerConfiguration,
  proofIn,
  proveRevocation,
  RelyingParty,
  reconfigureIssuer,
  type Stack,
  signIn,
  startStack,
  until,
  webClientOf,
} from "@portcullis/testing/end-to-end";

const BYSTANDER = { username: "bystander", password: "correct horse battery staple" };

describe("two apps and two users", () => {
  let stack: Stack;
  let admin: Administrator;
  let web: RelyingParty;
  let mail: RelyingParty;

  before(async () => {
    stack = await startStack();
    await reconfigureIssuer(stack, (configuration) => addAppAndUser(configuration, stack));
    await until(async () => (await bothLeased()) || undefined, {
      what: "both verifiers to hold a lease again",
    });
    web = await RelyingParty.discover(stack.info);
    mail = await RelyingParty.discover(stack.info, mailClient());
  });
  after(() => stack.stop());

  const mailClient = (): ClientRegistration => ({ ...webClientOf(stack.info), clientId: "mail" });
  const demo = () => stack.info.demo;

  /** Revokes a token that nobody has, to see how many verifiers confirm. */
  async function bothLeased(): Promise<boolean> {
    admin = new Administrator(stack.info);
    const { receipt } = await admin.revoke({ scope: "token", key: "AAAAAAAAAAAAAAAAAAAAAA" });
    return receipt.acked === 2 && receipt.leased === 2;
  }

  it("withdraws one app's consent, and other apps and users live on", async () => {
    const dead = await signIn(web, demo());
    const alive = [await signIn(mail, demo()), await signIn(web, BYSTANDER)];
    const key = { subject: dead.claims.sub, client: web.clientId };
    await proveRevocation({
      stack,
      dead: dead.accessToken,
      alive: alive.map(({ accessToken }) => accessToken),
      reason: "consent_withdrawn",
      revoke: () => admin.revoke({ scope: "subject-client", key, reason: "consent_withdrawn" }),
    });
    await assert.rejects(web.refresh(dead.refreshToken!), { error: "invalid_grant" });
    await assert.doesNotReject(mail.refresh(alive[0]!.refreshToken!));
  });

  it("ends one user's tokens for one API; other users live on, and a refresh brings one that passes", async () => {
    const dead = await signIn(web, demo());
    const alive = await signIn(web, BYSTANDER);
    const key = { subject: dead.claims.sub, audience: String(dead.claims.aud) };
    await proveRevocation({
      stack,
      dead: dead.accessToken,
      alive: [alive.accessToken],
      reason: "revoked",
      revoke: () => admin.revoke({ scope: "subject-audience", key, reason: "revoked" }),
    });
    const next = await web.refresh(dead.refreshToken!);
    await assertEverywhere(stack, next.accessToken, 200);
  });

  it("ends one app, for all its users, and other apps live on", async () => {
    const dead = [await signIn(mail, demo()), await signIn(mail, BYSTANDER)];
    const alive = await signIn(web, demo());
    await proveRevocation({
      stack,
      dead: dead[0]!.accessToken,
      alive: [alive.accessToken],
      reason: "revoked",
      revoke: () => admin.revoke({ scope: "client", key: mail.clientId, reason: "revoked" }),
    });
    for (const { accessToken, refreshToken } of dead) {
      await assertEverywhere(stack, accessToken, 401, "revoked");
      await assert.rejects(mail.refresh(refreshToken!), { error: "invalid_grant" });
    }
  });

  it("ends one user in every app, and other users live on", async () => {
    const dead = [await signIn(web, demo()), await signIn(mail, demo())];
    const alive = await signIn(web, BYSTANDER);
    await proveRevocation({
      stack,
      dead: dead[0]!.accessToken,
      alive: [alive.accessToken],
      reason: "kicked",
      revoke: () => admin.revoke({ scope: "subject", key: dead[0]!.claims.sub, reason: "kicked" }),
    });
    await assertEverywhere(stack, dead[1]!.accessToken, 401, "kicked");
  });

  it("logs out of every app that shares the session", async () => {
    const first = await signIn(web, demo());
    const second = await signIn(mail, demo(), { browser: first.browser });
    assert.equal(first.claims.sid, second.claims.sid);
    await proveRevocation({
      stack,
      dead: second.accessToken,
      reason: "logged_out",
      revoke: async () => {
        const page = await first.browser.open(web.endSessionUrl(first.idToken));
        return proofIn((await first.browser.submit(page, page.forms[0]!)).trail);
      },
    });
    await assertEverywhere(stack, first.accessToken, 401, "logged_out");
  });
});

function addAppAndUser(configuration: IssuerConfiguration, stack: Stack): void {
  const web = configuration.clients.find(({ clientId }) => clientId === stack.info.clients.web.clientId)!;
  configuration.clients.push({ ...structuredClone(web), clientId: "mail", name: "Mail" });
  configuration.users.push({ ...BYSTANDER, name: "Bea Bystander", email: "bea@example.com" });
}

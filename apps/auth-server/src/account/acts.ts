/** What a person does on the account page: devices, apps with access, password, deletion. */
import { deviceNameSchema } from "@portcullis/protocol";
import { FIRST_PARTY } from "../apps/app-settings.ts";
import { wordsOf } from "../oidc/index.ts";
import { DELETE_PATH, PASSWORD_PATH } from "../pages/own-account-pages.ts";
import { delayText } from "../pages/receipt-text.ts";
import { deviceNameOf } from "../sessions/device.ts";
import { changedText, problemOfTypedIn, type Refused, refusedBy } from "./own-account.ts";
import {
  type AccountOptions,
  type Action,
  type Done,
  type Exchange,
  fieldOf,
  onAccountPage,
  receiptOf,
  revoke,
  saying,
  signedOut,
  type Visitor,
} from "./visit.ts";

/** By path of the form. */
export const ACTS: Readonly<Record<string, Action>> = {
  "/account/sign-out-device": signOutDevice,
  "/account/withdraw": withdraw,
  "/account/sign-out-everywhere": signOutEverywhere,
  "/account/sign-out-others": signOutOthers,
  "/account/name-device": renameDevice,
  [PASSWORD_PATH]: changePassword,
  [DELETE_PATH]: deleteAccount,
};

/** What the user has allowed, and what else has access at the moment: apps of the operator's own ask for nothing. */
export async function appsOf({ appAccess, clients, apis }: AccountOptions, accountId: string) {
  const all = await appAccess.of(accountId);
  const names = await clients.namesOf(all.map(({ clientId }) => clientId));
  const found = await Promise.all(
    all.map(async (access) => ({ access, client: await clients.find(access.clientId) })),
  );
  const identifiers = all.flatMap(({ allowed, declined }) => [
    ...Object.keys(allowed.resources),
    ...Object.keys(declined.resources),
  ]);
  const known = await apis.named([...new Set(identifiers)]);
  return found.map(({ client, access: { clientId, since, until, isRemembered, allowed, declined } }) => ({
    clientId,
    since,
    until,
    isRemembered,
    allowed: wordsOf(allowed, known),
    declined: wordsOf(declined, known),
    // An app that is switched off or deleted can do nothing, and what it was allowed can be withdrawn all the same.
    name: names.get(clientId) ?? clientId,
    isFirstParty: client?.[FIRST_PARTY] === true,
  }));
}

async function signOutDevice(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const uid = fieldOf(exchange, "device");
  const devices = await options.sessions.devicesOf(visitor.accountId);
  const device = devices.find((candidate) => candidate.uid === uid);
  if (device === undefined) return onAccountPage({ problem: "This device is already signed out." });
  const isThis = device.uid === visitor.uid;
  const reason = isThis ? "logged_out" : "kicked";
  const by = isThis ? await options.wayOutOf(visitor.uid) : undefined;
  const target = { scope: "session", key: device.uid, mode: "kill", reason } as const;
  const receipt = await revoke(options, exchange, visitor, target);
  if (by !== undefined)
    return signedOut(options, exchange, { ended: "session", delay: delayText(receipt), by });
  return onAccountPage({ done: saying(`${deviceNameOf(device)} is signed out.`, receipt) });
}

async function withdraw(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const clientId = fieldOf(exchange, "client");
  const app = (await appsOf(options, visitor.accountId)).find((candidate) => candidate.clientId === clientId);
  if (app === undefined) return onAccountPage({ problem: "This app no longer has access." });
  const seq = await options.appAccess.withdraw({
    accountId: visitor.accountId,
    clientId: app.clientId,
    reason: app.isFirstParty ? "logged_out" : "consent_withdrawn",
    actor: visitor.accountId,
  });
  const receipt = await receiptOf(options, exchange, seq);
  const done = app.isFirstParty
    ? `You are signed out of ${app.name}.`
    : `${app.name} no longer has access to your account.`;
  return onAccountPage({ done: saying(done, receipt) });
}

async function signOutEverywhere(
  options: AccountOptions,
  exchange: Exchange,
  visitor: Visitor,
): Promise<Done> {
  const by = await options.wayOutOf(visitor.uid);
  const receipt = await revoke(options, exchange, visitor, {
    scope: "subject",
    key: visitor.accountId,
    mode: "kill",
    reason: "logged_out",
  });
  return signedOut(options, exchange, { ended: "everywhere", delay: delayText(receipt), by });
}

async function signOutOthers(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const { ended, appended } = await options.endOthers(visitor);
  if (appended === undefined) return onAccountPage({ done: "You are signed in on no other device." });
  const receipt = await receiptOf(options, exchange, appended.seq);
  const what = ended === 1 ? "The other device is" : "All other devices are";
  return onAccountPage({ done: saying(`${what} signed out.`, receipt) });
}

async function renameDevice(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const { accountId } = visitor;
  const sid = fieldOf(exchange, "device") ?? "";
  const typedIn = fieldOf(exchange, "name")?.trim() ?? "";
  const name = deviceNameSchema.safeParse(typedIn);
  if (typedIn !== "" && !name.success)
    return onAccountPage({
      problem: "A name has at most 64 characters, all on one line. Nothing was changed.",
    });
  const isThere = await options.nameDevice({ sid, accountId }, typedIn === "" ? null : typedIn);
  if (!isThere) return onAccountPage({ problem: "This device is already signed out." });
  return onAccountPage({
    done: typedIn === "" ? "The name is gone." : `The device is called ${typedIn} now.`,
  });
}

async function changePassword(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const text = (name: string) => fieldOf(exchange, name) ?? "";
  const newPassword = text("newPassword");
  const typedIn = { password: text("password"), newPassword, repeatedPassword: text("repeatedPassword") };
  const refused = (notice: Refused): Done => ({ path: PASSWORD_PATH, notice });
  const problem = problemOfTypedIn(typedIn);
  if (problem !== undefined) return refused(problem);
  const { accountId, uid: sid } = visitor;
  const address = options.clientAddressOf(exchange.request);
  const place = { deviceTokens: options.deviceCookie.tokensIn(exchange), address };
  try {
    const wanted = { accountId, sid, password: typedIn.password, newPassword, place };
    const { ended, appended } = await options.ownPassword.change(wanted);
    const receipt = appended && (await receiptOf(options, exchange, appended.seq));
    return onAccountPage({ done: changedText(ended, receipt && delayText(receipt)) });
  } catch (error) {
    return refused(refusedBy(error));
  }
}

async function deleteAccount(options: AccountOptions, exchange: Exchange, visitor: Visitor): Promise<Done> {
  const { accountId, uid: sid } = visitor;
  const password = fieldOf(exchange, "password") ?? "";
  const refused = (notice: Refused): Done => ({ path: DELETE_PATH, notice });
  if (password === "") return refused({ fields: { password: "Enter your password." } });
  try {
    const stillHas = await options.ownPassword.check({ accountId, sid, password });
    const by = await options.wayOutOf(sid);
    const receipt = await receiptOf(options, exchange, await options.deleteAccount(accountId, stillHas));
    return signedOut(options, exchange, { ended: "account", delay: delayText(receipt), by });
  } catch (error) {
    return refused(refusedBy(error));
  }
}

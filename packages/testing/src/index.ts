export { FakeIntrospection } from "./fake-introspection.ts";
export {
  AUDIENCE,
  FakeIssuer,
  type FakeIssuerOptions,
  type MintOptions,
  newIdentifier,
  type Route,
  sendJson,
} from "./fake-issuer.ts";
export { FakeFeed, type FakeRevocation, VERIFIER } from "./fake-issuer-feed.ts";
export {
  encodeJson,
  generateSigningKey,
  type SigningAlgorithm,
  type SigningKey,
  signatureOf,
  signJwt,
  signWithPublicKeyAsSecret,
} from "./fake-issuer-keys.ts";
export { FrozenClock } from "./frozen-clock.ts";
export { type Spelling, spellingsOf } from "./jwt-spellings.ts";
export { leaseSecretOf } from "./lease-secrets.ts";
export { PATIENCE_MS, patienceSignal, TIME_LIMIT } from "./patience.ts";
export { logTo, type RecordedEvent, RecordedLog } from "./recorded-log.ts";
export type { UndefinedOptions } from "./undefined-options.ts";

/**
 * Why a token no longer works, in machine form, so that an app can tell its user. The number is the wire
 * code and never changes; 0 is never used, so that an empty index slot is not a reason.
 */
export const REASON_CODES = {
  revoked: 1,
  logged_out: 2,
  kicked: 3,
  replaced: 4,
  banned: 5,
  consent_withdrawn: 6,
  client_disabled: 7,
  password_changed: 8,
  refresh_reuse: 9,
  code_replay: 10,
  key_retired: 11,
  claims_changed: 12,
  account_deleted: 13,
  possible_loss: 14,
  user_disabled: 15,
} as const;

export type Reason = keyof typeof REASON_CODES;
export const REASONS = Object.keys(REASON_CODES) as Reason[];

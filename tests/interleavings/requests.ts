export const REQUESTS = ["refresh", "redeem", "sign-on", "sign-in", "json-sign-in", "machine"] as const;
export type Request = (typeof REQUESTS)[number];

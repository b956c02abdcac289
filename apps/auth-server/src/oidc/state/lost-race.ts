import { errors } from "oidc-provider";

/**
 * The library's `invalid_grant`, for what another request has spent while this one was under way. It is told apart from
 * what was spent before, since of several that race none need be a thief.
 */
export class LostRace extends errors.InvalidGrant {}

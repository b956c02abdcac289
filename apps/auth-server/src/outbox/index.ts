export { Deliveries, type DeliveryFilter, waitingDeliveries } from "./deliveries.ts";
export type { Delivery } from "./delivery.ts";
export { outboxError } from "./errors.ts";
export { type GrantIds, type NotingOptions, noteEndedGrants } from "./note-ended-grants.ts";
export { Outbox, type OutboxCounters } from "./outbox.ts";
export { createLogoutTokenSender } from "./send-logout-token.ts";

export type { Configuration, Route } from "./config/configuration.ts";
export { gatewayConfiguration, parseConfiguration } from "./config/gateway-configuration.ts";
export { catalogue, type GatewayErrorCode } from "./errors.ts";
export { type Gateway, type GatewayOptions, startGateway } from "./gateway.ts";
export { openSigningKey, type SigningKey } from "./transaction-token/signing-key.ts";

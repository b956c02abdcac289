export {
  addressesIn,
  addressGroup,
  type ClientAddresses,
  createClientAddresses,
  isPublicAddress,
  parseAddress,
  problemOfNetwork,
  type TrustedProxies,
  trustedProxiesSchema,
} from "./client-address/index.ts";
export * from "./configuration/index.ts";
export { createLog, type LogOptions } from "./log/create-log.ts";
export { describeError, withoutSecrets } from "./log/describe-error.ts";
export { LogDestination, type LogDestinationOptions, type WriteText } from "./log/log-destination.ts";
export { openStandardError } from "./log/standard-error.ts";
export {
  type ManagementSources,
  managementListener,
  type Readiness,
} from "./management/management-listener.ts";
export { createMetrics, type Family, type MetricsOptions, type Sample } from "./management/metrics.ts";
export { type Management, type ManagementAddress, openManagement } from "./management/open-management.ts";
export {
  EndOfProcess,
  type EndOfProcessOptions,
  type FatalEvent,
  type Stop,
  stopOnce,
} from "./process/end-of-process.ts";
export {
  type ProcessDefinition,
  type RunningProcess,
  runProcess,
  type Starting,
} from "./process/run-process.ts";
export { createHttpServer, fastifyServer } from "./sockets/http-server.ts";
export { type Address, listenError, listenOn, originOf } from "./sockets/listen.ts";
export { refuseUnparsable } from "./sockets/refuse-unparsable.ts";

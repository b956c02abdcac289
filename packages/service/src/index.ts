export {
  addressGroup,
  type ClientAddresses,
  createClientAddresses,
  parseAddress,
  type TrustedProxies,
  trustedProxiesSchema,
} from "./client-address/index.ts";
export { createHttpServer, fastifyServer } from "./sockets/http-server.ts";

export { createHttpServer, fastifyServer } from "./sockets/http-server.ts";

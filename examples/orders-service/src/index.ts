export { CATALOGUE, type Order, Orders } from "./orders.ts";
export { createOrdersService, type OrdersServiceOptions } from "./server.ts";

export { exampleProblems } from "./example-problems.ts";
export {
  type Content,
  documentProblems,
  type OpenApi,
  type Operation,
  operationsOf,
} from "./open-api.ts";
export { hiddenOperations, type Mounted, undescribedRoutes } from "./undescribed-routes.ts";

import { testOnPostgres } from "./run-batteries.ts";

testOnPostgres("apps-and-keys");

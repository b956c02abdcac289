import { testOnPostgres } from "./run-batteries.ts";

testOnPostgres("signing-in-and-out");

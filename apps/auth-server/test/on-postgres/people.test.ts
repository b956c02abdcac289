import { testOnPostgres } from "./run-batteries.ts";

testOnPostgres("people");

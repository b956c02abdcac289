import assert from "node:assert/strict";
import { test } from "node:test";
import { ProblemsError } from "@portcullis/http-api";

test("the text of several problems keeps them apart, whether they are sentences or not", () => {
  const { message } = new ProblemsError([
    { field: "username", message: "usernames have no @" },
    { field: "password", message: "It is blank." },
    { field: "name", message: "must be one line" },
  ]);
  assert.equal(message, "username: usernames have no @; password: It is blank. name: must be one line");
});

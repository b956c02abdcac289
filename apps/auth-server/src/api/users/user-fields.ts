/** What can be said of a user in a request: the same for a new one, for a change and for a line of an import. */
import { checkInput, type Problem, ProblemsError } from "@portcullis/http-api";
import { SHOWN_NAME, SHOWN_NAME_WORDS, userProfileSchema } from "@portcullis/protocol";
import { z } from "zod";
import { problemOfUsername } from "../../people/username.ts";
import type { UserFields } from "../../people/users.ts";

const MAX_ATTRIBUTE_BYTES = 8192;
const ATTRIBUTE_WORDS = `Attributes must be at most ${MAX_ATTRIBUTE_BYTES} bytes of JSON in all.`;
const text = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "has control characters; leave them out");

const usernameSchema = text(128).superRefine((username, context) => {
  const problem = problemOfUsername(username);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

export const userFieldsSchema = z.strictObject({
  username: usernameSchema
    .optional()
    .describe("It has no `@`, and does not look like a `sub`. Letter case and width do not count."),
  email: z.email().max(128).optional(),
  emailVerified: z
    .boolean()
    .default(false)
    .describe(
      "Whether it is known to be the user's. Only then may the user be named by it, and nobody else have it.",
    ),
  name: text(200).regex(SHOWN_NAME, SHOWN_NAME_WORDS).optional().describe("Of the person."),
  picture: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .optional()
    .describe("URL of a picture of the person."),
  locale: z
    .string()
    .max(35)
    .regex(/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$/, "must be a language tag (BCP 47), such as en or pt-BR")
    .optional()
    .describe("Language tag (BCP 47)."),
  profile: userProfileSchema
    .default({})
    .describe("What apps may be told of the person, too, if they ask for it and the person allows it."),
  attributes: z
    .record(text(100), z.unknown())
    .refine(
      (attributes) => Buffer.byteLength(JSON.stringify(attributes)) <= MAX_ATTRIBUTE_BYTES,
      ATTRIBUTE_WORDS,
    )
    .default({})
    .describe("What you want to keep of the user: any JSON, at most 8 KiB in all."),
  mustChangePassword: z
    .boolean()
    .default(false)
    .describe("Whether the next sign-in asks for a new password."),
});

/** Every problem of a body at once, those between fields too. */
export function checkUserFields<Schema extends z.ZodType<UserFields>>(
  schema: Schema,
  body: unknown,
): z.output<Schema> {
  const fields = checkInput(schema, body);
  const problems = problemsBetween(fields);
  if (problems.length > 0) throw new ProblemsError(problems);
  return fields;
}

function problemsBetween({ username, email, emailVerified, profile }: UserFields): Problem[] {
  const nameless =
    username === undefined && email === undefined
      ? [{ field: "username", message: "Missing, and so is email: a user has one of them, or both." }]
      : [];
  const unverifiable =
    emailVerified && email === undefined
      ? [{ field: "emailVerified", message: "Found true, and there is no email; leave it out, or add one." }]
      : [];
  const phoneless =
    profile.phoneNumberVerified === true && profile.phoneNumber === undefined
      ? [
          {
            field: "profile.phoneNumberVerified",
            message: "Found true, and there is no phoneNumber; leave it out, or add one.",
          },
        ]
      : [];
  return [...nameless, ...unverifiable, ...phoneless];
}

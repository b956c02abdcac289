/** What apps may be told of a person beside name, picture, language and e-mail address (OpenID Connect Core 1.0, section 5.1). */
import { z } from "zod";
import { SHOWN_NAME, SHOWN_NAME_WORDS } from "./sessions.ts";

const nameSchema = z.string().min(1).max(200).regex(SHOWN_NAME, SHOWN_NAME_WORDS);
const urlSchema = z.url({ protocol: /^https?$/ }).max(2048);

const lineOfAddress = z
  .string()
  .min(1)
  .max(300)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "has control characters; leave them out");

const addressSchema = z.strictObject({
  formatted: z
    .string()
    .min(1)
    .max(1000)
    .regex(/^(?:[^\p{Cc}\p{Cs}]|\n)*$/u, "has control characters other than line feeds; leave them out")
    .optional()
    .describe("The whole address as it is written on a letter, with line feeds."),
  streetAddress: lineOfAddress.optional(),
  locality: lineOfAddress.optional().describe("City."),
  region: lineOfAddress.optional().describe("State or province."),
  postalCode: lineOfAddress.optional(),
  country: lineOfAddress.optional(),
});

export const userProfileSchema = z.strictObject({
  givenName: nameSchema.optional(),
  familyName: nameSchema.optional(),
  middleName: nameSchema.optional(),
  nickname: nameSchema.optional(),
  profileUrl: urlSchema.optional().describe("Page about the person."),
  website: urlSchema.optional().describe("Of the person."),
  gender: nameSchema.optional().describe("Any text, such as female or male."),
  birthdate: z
    .string()
    .regex(
      /^\d{4}(?:-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))?$/,
      "must be YYYY-MM-DD, or a year alone; 0000 stands for a year that is not told",
    )
    .optional()
    .describe("`YYYY-MM-DD`, or the year alone. `0000` stands for a year that is not told."),
  zoneinfo: z
    .string()
    .max(64)
    .regex(/^[A-Za-z0-9_+-]+(?:\/[A-Za-z0-9_+-]+)*$/, "must be a time zone, such as Europe/Berlin")
    .optional()
    .describe("Time zone, such as `Europe/Berlin`."),
  phoneNumber: z
    .string()
    .regex(/^\+[1-9]\d{1,14}(?:;ext=\d{1,9})?$/, "must be E.164, such as +14255551212, or +14255551212;ext=7")
    .optional()
    .describe("E.164, such as `+14255551212`. An extension follows as `;ext=7`."),
  phoneNumberVerified: z.boolean().optional().describe("Whether it is known to be the person's."),
  address: addressSchema.optional().describe("Postal address."),
});
export type UserProfile = z.infer<typeof userProfileSchema>;

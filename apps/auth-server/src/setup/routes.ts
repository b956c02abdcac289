import { SHOWN_NAME, SHOWN_NAME_WORDS } from "@portcullis/protocol";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { pagesError } from "../pages/errors.ts";
import type { Notices } from "../pages/notices.ts";
import { readForms } from "../pages/read-forms.ts";
import { isSameOrigin } from "../pages/same-origin.ts";
import { securityHeaders } from "../pages/security-headers.ts";
import { type SetupField, type SetupPage, setupPage } from "../pages/setup-page.ts";
import { UNFIT_PASSWORDS, unfitnessOf } from "../people/password-rule.ts";
import { problemOfUsername } from "../people/username.ts";
import { rolesError } from "../roles/errors.ts";
import {
  type Applicant,
  acceptInvitation,
  type FirstAdministratorOptions,
} from "../roles/first-administrator.ts";

export interface SetupOptions extends FirstAdministratorOptions {
  readonly issuer: string;
  readonly notices: Notices;
}

interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export const setupPath = (token: string): string => `/setup/${token}`;
const ACCOUNT_PATH = "/account";

export function setupRoutes(options: SetupOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    readForms(app);
    app.get("/setup/:token", (request, reply) => show(options, { request, reply }));
    app.post("/setup/:token", (request, reply) => accept(options, { request, reply }));
  };
}

/** Looking at it spends nothing: mail programs and chats open links by themselves. */
async function show({ invitations, notices }: SetupOptions, exchange: Exchange): Promise<FastifyReply> {
  const { request, reply } = exchange;
  const token = tokenIn(request);
  if (!(await invitations.isGood(token))) throw rolesError("setup_link_spent");
  const action = setupPath(token);
  const again = notices.take<Omit<SetupPage, "action">>(exchange, action) ?? {};
  const markup = setupPage({ ...again, action });
  return reply.headers(securityHeaders()).type("text/html; charset=utf-8").send(markup);
}

async function accept(options: SetupOptions, exchange: Exchange): Promise<FastifyReply> {
  const { request, reply } = exchange;
  if (!isSameOrigin(request.headers, options.issuer)) throw pagesError("form_not_ours");
  const token = tokenIn(request);
  const again = await acceptForm(options, token, textsIn(request.body));
  const path = again === undefined ? ACCOUNT_PATH : setupPath(token);
  options.notices.leave(exchange, path, again ?? { username: textsIn(request.body).username, done: MADE });
  return reply.headers(securityHeaders()).redirect(path, 303);
}

const MADE =
  "The administrator is made. Sign in here to see your account, or administer by the command: portcullis login.";

/** Gives what to show again, unless the administrator is made. Of a link that is not good nothing is told of the form. */
async function acceptForm(
  options: SetupOptions,
  token: string,
  form: Form,
): Promise<Omit<SetupPage, "action"> | undefined> {
  if (!(await options.invitations.isGood(token))) throw rolesError("setup_link_spent");
  const shown = { username: form.username.slice(0, MAX_SHOWN), name: form.name.slice(0, MAX_SHOWN) };
  const fields = problemsOf(form);
  if (Object.keys(fields).length > 0) return { ...shown, fields };
  if (await acceptInvitation(options, token, form)) return undefined;
  return { ...shown, fields: { username: "Somebody has this username. Choose another." } };
}

interface Form extends Applicant {
  readonly repeated: string;
}

/** What was typed in travels in a cookie to the page that shows it. */
const MAX_SHOWN = 200;
const MAX_NAME = 200;

function problemsOf({ username, name, password, repeated }: Form): Partial<Record<SetupField, string>> {
  const problems: Partial<Record<SetupField, string>> = {};
  const wrongName = username === "" ? "is missing" : problemOfUsername(username);
  if (wrongName !== undefined)
    problems.username = username === "" ? "Choose a username." : `This ${wrongName}.`;
  if (name === "" || name.length > MAX_NAME) problems.name = `Give a name of at most ${MAX_NAME} characters.`;
  else if (!SHOWN_NAME.test(name)) problems.name = `A name ${SHOWN_NAME_WORDS}.`;
  const unfit = unfitnessOf(password);
  if (unfit !== undefined) problems.password = UNFIT_PASSWORDS[unfit];
  else if (password !== repeated) problems.repeated = "The two passwords are not the same.";
  return problems;
}

function textsIn(body: unknown): Form {
  const textOf = (name: SetupField): string => {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    return typeof value === "string" ? value : "";
  };
  return {
    username: textOf("username").trim(),
    name: textOf("name").trim(),
    password: textOf("password"),
    repeated: textOf("repeated"),
  };
}

const tokenIn = ({ params }: FastifyRequest): string => (params as { readonly token: string }).token;

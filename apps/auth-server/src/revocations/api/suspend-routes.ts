/** An operator suspends a verifier, and lets it go on. */
import { actorOf, type DeclaredRoute, declareRoute } from "@portcullis/http-api";
import { API_SCOPES, resumptionSchema, suspensionSchema, suspensionStateSchema } from "@portcullis/protocol";
import { OUTAGES, revocationsError } from "../errors.ts";
import type { SuspendedVerifiers } from "../verifiers/suspended-verifiers.ts";
import type { Verifiers } from "../verifiers/verifiers.ts";

export interface SuspendRoutesOptions {
  readonly suspended: Pick<SuspendedVerifiers, "has" | "suspend" | "resume">;
  readonly verifiers: Pick<Verifiers, "mayAllowUntil">;
}

const COMMON = { tag: "Revocations", scope: API_SCOPES.writeRevocations } as const;
const EXAMPLE = { clientId: "gateway", name: "gateway-7f3a" } as const;
const ERRORS = [...revocationsError.definitions("verifier_not_found"), ...OUTAGES];

export const suspendRoute = ({ suspended, verifiers }: SuspendRoutesOptions): DeclaredRoute =>
  declareRoute({
    ...COMMON,
    operationId: "suspendVerifier",
    method: "POST",
    path: "/verifiers/suspend",
    summary: "Suspend a verifier: its lease is not renewed, so it stops allowing",
    description:
      "For a verifier that never acknowledges, or that somebody runs who should not. Receipts wait for it until the lease that it has runs out. A process can take another name: to end what a client may do, disable the client.",
    body: { schema: suspensionSchema, example: { ...EXAMPLE, note: "hangs" } },
    answers: {
      200: {
        says: "It gets no lease from now on; from other servers on this database within a second.",
        schema: suspensionStateSchema,
        example: { ...EXAMPLE, suspended: true, changed: true, mayAllowUntil: "2026-03-01T12:00:05.000Z" },
      },
    },
    errors: ERRORS,
    async handle({ caller, body: { clientId, name, note } }) {
      const holder = { clientId, name };
      const mayAllowUntil = verifiers.mayAllowUntil(holder);
      if (mayAllowUntil === undefined && !suspended.has(holder)) throw revocationsError("verifier_not_found");
      const changed = await suspended.suspend(holder, { actor: actorOf(caller), note });
      const until = mayAllowUntil === undefined ? {} : { mayAllowUntil };
      return { status: 200, body: { ...holder, suspended: true, changed, ...until } };
    },
  });

export const resumeRoute = ({ suspended, verifiers }: SuspendRoutesOptions): DeclaredRoute =>
  declareRoute({
    ...COMMON,
    operationId: "resumeVerifier",
    method: "POST",
    path: "/verifiers/resume",
    summary: "Let a suspended verifier have leases again",
    body: { schema: resumptionSchema, example: EXAMPLE },
    answers: {
      200: {
        says: "It gets a lease when it asks again.",
        schema: suspensionStateSchema,
        example: { ...EXAMPLE, suspended: false, changed: true },
      },
    },
    errors: ERRORS,
    async handle({ caller, body: { clientId, name } }) {
      const holder = { clientId, name };
      const changed = await suspended.resume(holder, { actor: actorOf(caller) });
      if (!changed && verifiers.mayAllowUntil(holder) === undefined)
        throw revocationsError("verifier_not_found");
      return { status: 200, body: { ...holder, suspended: false, changed } };
    },
  });

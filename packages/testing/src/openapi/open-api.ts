/** The parts of an OpenAPI document that tests read. */
import { Validator } from "@seriousme/openapi-schema-validator";

export type Content = Readonly<
  Record<
    string,
    {
      readonly schema?: object;
      readonly example?: unknown;
      readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
    }
  >
>;

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly { readonly token?: readonly string[] }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Returns every operation with where it is. */
export const operationsOf = ({ paths }: OpenApi) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** Returns what the schema of OpenAPI 3.1 has against a document. */
export async function documentProblems(document: OpenApi): Promise<readonly unknown[]> {
  const { errors } = await new Validator().validate({ ...structuredClone(document) });
  return [errors ?? []].flat();
}

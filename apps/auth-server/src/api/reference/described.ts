/** The members of an OpenAPI document that the page shows. */

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

export interface Media {
  readonly schema?: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

export type Content = Readonly<Record<string, Media>>;

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

/** To a parameter that several calls have. */
export interface ParameterReference {
  readonly $ref: string;
}

export interface Response {
  readonly description: string;
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, { readonly description: string }>>;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description?: string;
  readonly security: readonly { readonly token: readonly string[] }[];
  readonly parameters?: readonly (Parameter | ParameterReference)[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Flow {
  readonly tokenUrl: string;
  readonly scopes: Readonly<Record<string, string>>;
}

export interface Described {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly [{ readonly url: string }];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly parameters?: Readonly<Record<string, Parameter>>;
    readonly securitySchemes: {
      readonly token: {
        readonly flows:
          | { readonly clientCredentials: Flow }
          | { readonly authorizationCode: Flow & { readonly authorizationUrl: string } };
      };
    };
  };
}

/** One call, with where it is, and with its parameters themselves. */
export interface DescribedCall extends Omit<Operation, "parameters"> {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
}

export const callsOf = ({ paths, components }: Described): DescribedCall[] =>
  Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
      parameters: (operation.parameters ?? []).map((one) =>
        "$ref" in one ? components.parameters![one.$ref.split("/").at(-1)!]! : one,
      ),
    })),
  );

export interface DescribedError {
  readonly status: string;
  readonly code: string;
  readonly text: string;
}

/** Errors of a call, each once: a code may come in two forms. */
export function errorsOf({ responses }: Pick<Operation, "responses">): DescribedError[] {
  const found = new Map<string, DescribedError>();
  for (const [status, { content = {} }] of Object.entries(responses)) {
    for (const { examples = {} } of Object.values(content)) {
      for (const [code, { value }] of Object.entries(examples)) {
        const key = `${status} ${code}`;
        if (!found.has(key)) found.set(key, { status, code, text: textOf(value) });
      }
    }
  }
  return [...found.values()];
}

/** In both forms of errors. */
function textOf(value: unknown): string {
  const { detail, error_description: description } = value as Record<string, string | undefined>;
  return detail ?? description ?? "";
}

/** Statuses that are no errors. */
export const answersOf = ({ responses }: Pick<Operation, "responses">): [string, Response][] =>
  Object.entries(responses).filter(([status]) => Number(status) < 400);

import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { type Content, type OpenApi, type Operation, operationsOf } from "./open-api.ts";

interface Checked {
  /** How many examples there are: no example has no problem. */
  readonly checked: number;
  readonly problems: readonly string[];
}

/** Returns what is wrong with the examples of a document: of every answer in JSON, every body and every error there is one that fits its schema. */
export function exampleProblems(document: OpenApi): Checked {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema(document, "openapi");
  const examples = operationsOf(document).flatMap(({ path, method, operation }) =>
    contentsOf(operation, `/paths/${pointerTo(path)}/${method}`).flatMap(examplesIn),
  );
  const problems = examples.flatMap(({ where, pointer, values }) => {
    if (values.length === 0) return [`${where} has no example`];
    return values
      .filter((value) => !ajv.validate({ $ref: `openapi#${pointer}` }, value))
      .map((value) => `${where}: ${JSON.stringify(value)} does not fit`);
  });
  return { checked: examples.reduce((sum, { values }) => sum + values.length, 0), problems };
}

interface Place {
  readonly where: string;
  readonly pointer: string;
  readonly content: Content;
}

const contentsOf = ({ operationId, requestBody, responses }: Operation, pointer: string): Place[] => [
  { where: `${operationId} body`, pointer: `${pointer}/requestBody`, content: requestBody?.content ?? {} },
  ...Object.entries(responses).map(([status, { content = {} }]) => ({
    where: `${operationId} ${status}`,
    pointer: `${pointer}/responses/${status}`,
    content,
  })),
];

/** What is not JSON has no schema that says more than "text". */
const examplesIn = ({ where, pointer, content }: Place) =>
  Object.entries(content)
    .filter(([type, { schema }]) => schema !== undefined && type !== "text/event-stream")
    .map(([type, { example, examples = {} }]) => ({
      where: `${where} ${type}`,
      pointer: `${pointer}/content/${pointerTo(type)}/schema`,
      values: [example, ...Object.values(examples).map(({ value }) => value)].filter(
        (value) => value !== undefined,
      ),
    }));

/** As a JSON pointer in a URI fragment. */
const pointerTo = (name: string): string =>
  encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));

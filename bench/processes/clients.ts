/** The clients that a benchmark's server knows. */
export const ADMIN = { id: "admin", secret: "bench-secret-of-the-admin" };
export const AUDIENCE = "https://orders.portcullis.example";
export const REDIRECT_URI = "http://127.0.0.1:9/callback";
/** The one person who signs in through the pages. */
export const PERSON = { username: "seed", password: "correct horse battery staple" } as const;
/** A client may have 500 streams and 500 leases. */
const READER_CLIENTS = 4;
export const MAX_STREAMS_PER_CLIENT = 500;

export const VERIFIERS = Array.from({ length: READER_CLIENTS }, (_, at) => ({
  id: `verifier-${at}`,
  secret: `bench-secret-of-verifier-${at}`,
}));

export async function bearerOf(
  issuer: string,
  client: { readonly id: string; readonly secret: string },
  scope: string,
): Promise<string> {
  const basic = Buffer.from(`${client.id}:${client.secret}`).toString("base64");
  const body = new URLSearchParams({ grant_type: "client_credentials", resource: `${issuer}/api`, scope });
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${basic}` },
    body,
  });
  if (!response.ok) throw new Error(`no token for ${client.id}: ${response.status} ${await response.text()}`);
  const { access_token } = (await response.json()) as { access_token: string };
  return `Bearer ${access_token}`;
}

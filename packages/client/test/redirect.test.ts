import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createClient } from "../src/index.ts";
import { APP } from "./fake-browser.ts";
import { FakeIssuer, ISSUER } from "./fake-issuer.ts";

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, [Symbol.asyncDispose]: async () => void server.close() };
}

test("a redirect to an origin that was not named does not take the token along", async () => {
  const seen: { url?: string | undefined; authorization: string | undefined }[] = [];
  const see: RequestListener = ({ url, headers: { authorization } }) => seen.push({ url, authorization });
  await using elsewhere = await serve((request, response) => {
    see(request, response);
    response.end("caught");
  });
  await using api = await serve((request, response) => {
    see(request, response);
    const location = request.url === "/away" ? `${elsewhere.url}/` : "/away";
    response.writeHead(307, { location }).end();
  });
  const issuer = new FakeIssuer();
  const client = createClient({
    issuer: ISSUER,
    clientId: "web",
    redirectUri: APP,
    resourceServers: [api.url],
    environment: {
      fetch: (input, init) => {
        const url = input instanceof Request ? input.url : String(input);
        return url.startsWith(ISSUER) ? issuer.fetch(input, init) : fetch(input, init);
      },
    },
  });
  await client.completeSignIn(issuer.authorize(await client.createSignInUrl()));
  assert.equal(await (await client.fetch(`${api.url}/within`)).text(), "caught");
  const token = `Bearer ${await client.accessToken()}`;
  assert.deepEqual(seen, [
    { url: "/within", authorization: token },
    { url: "/away", authorization: token },
    { url: "/", authorization: undefined },
  ]);
  client.close();
});

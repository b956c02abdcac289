import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { CERTIFICATE, CERTIFICATE_KEY } from "./support/localhost-certificate.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

let requests = 0;
const service = createServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (request, response) => {
  requests++;
  request.on("end", () => response.end(`over TLS: ${request.url}`)).resume();
});
const trusted = getCACertificates("default");
let gateway: TestGateway;
before(async () => {
  await new Promise<void>((resolve) => service.listen(0, "localhost", resolve));
  const { port } = service.address() as AddressInfo;
  gateway = await TestGateway.start({
    routes: [
      `- { name: tls, path: /tls, upstream: "https://localhost:${port}", public: true }`,
      `- { name: address, path: /address, upstream: "https://127.0.0.1:${port}", public: true }`,
    ],
  });
});
after(async () => {
  setDefaultCACertificates(trusted);
  await gateway[Symbol.asyncDispose]();
  service.closeAllConnections();
  service.close();
});

test("a service whose certificate nobody vouches for gets no request", async () => {
  const response = await gateway.get("/tls");
  assert.equal(`${response.status} ${response.json().error}`, "502 upstream_failed");
  assert.equal(requests, 0);
});

test("a service with a trusted certificate is reached, with bodies and again", async () => {
  setDefaultCACertificates([...trusted, CERTIFICATE]);
  for (const target of ["/tls/1", "/tls/2"]) {
    const response = await gateway.exchange(
      requestText(`POST ${target} HTTP/1.1`, ["Content-Length: 2"], "ok"),
    );
    assert.equal(`${response.status} ${response.body}`, `200 over TLS: ${target}`);
  }
});

test("a certificate for another name does not do", async () => {
  setDefaultCACertificates([...trusted, CERTIFICATE]);
  const response = await gateway.get("/address");
  assert.equal(`${response.status} ${response.json().error}`, "502 upstream_failed");
});

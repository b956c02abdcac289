import * as openid from "openid-client";
import type { StackInfo } from "./stack.ts";

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly idToken: string;
}

export interface ClientRegistration {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly redirectUri: string;
  /** Of its ID tokens, if no other is to be taken. Their signatures are checked then, though they come over TLS. */
  readonly idTokenAlgorithm?: string;
}

export interface SignIn {
  readonly url: URL;
  /** Whether an address is the redirect URI: where the browser must stop. */
  readonly isEnd: (url: URL) => boolean;
  /** Redeems what came back on the redirect URI. */
  finish(callback: URL): Promise<Tokens>;
}

/** As much of a stack as an application needs to know. */
export interface KnownIssuer {
  readonly issuer: string;
  readonly resource: string;
  readonly clients: Pick<StackInfo["clients"], "web">;
}

export const SCOPE = "openid offline_access orders.read orders.write";

/** An application on `openid-client`: authorization code with PKCE, for the orders API. */
export class RelyingParty {
  readonly #configuration: openid.Configuration;
  readonly #client: ClientRegistration;
  readonly #resource: string;

  private constructor(configuration: openid.Configuration, client: ClientRegistration, resource: string) {
    this.#configuration = configuration;
    this.#client = client;
    this.#resource = resource;
  }

  static async discover(
    info: KnownIssuer,
    client: ClientRegistration = webClientOf(info),
  ): Promise<RelyingParty> {
    const authentication =
      client.clientSecret === undefined ? openid.None() : openid.ClientSecretBasic(client.clientSecret);
    const configuration = await openid.discovery(
      new URL(info.issuer),
      client.clientId,
      client.idTokenAlgorithm === undefined ? {} : { id_token_signed_response_alg: client.idTokenAlgorithm },
      authentication,
      {
        execute: [
          openid.allowInsecureRequests,
          ...(client.idTokenAlgorithm === undefined ? [] : [openid.enableNonRepudiationChecks]),
        ],
      },
    );
    return new RelyingParty(configuration, client, info.resource);
  }

  get clientId(): string {
    return this.#client.clientId;
  }

  get redirectUri(): string {
    return this.#client.redirectUri;
  }

  async begin(parameters: Record<string, string> = {}): Promise<SignIn> {
    const verifier = openid.randomPKCECodeVerifier();
    const state = openid.randomState();
    const url = openid.buildAuthorizationUrl(this.#configuration, {
      redirect_uri: this.#client.redirectUri,
      scope: SCOPE,
      resource: this.#resource,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state,
      ...parameters,
    });
    const redeem = { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true };
    const finish = async (callback: URL) =>
      asTokens(
        await openid.authorizationCodeGrant(this.#configuration, callback, redeem, {
          resource: this.#resource,
        }),
      );
    return { url, isEnd: (candidate) => candidate.href.startsWith(this.#client.redirectUri), finish };
  }

  async refresh(refreshToken: string): Promise<Tokens> {
    const parameters = { resource: this.#resource };
    const response = await openid.refreshTokenGrant(this.#configuration, refreshToken, parameters);
    return asTokens({ ...response, id_token: response.id_token ?? "" });
  }

  endSessionUrl(idToken: string, parameters: Record<string, string> = {}): URL {
    return openid.buildEndSessionUrl(this.#configuration, { id_token_hint: idToken, ...parameters });
  }

  async revoke(token: string): Promise<void> {
    await openid.tokenRevocation(this.#configuration, token);
  }
}

export function webClientOf(info: KnownIssuer): ClientRegistration {
  return { clientId: info.clients.web.clientId, redirectUri: info.clients.web.redirectUris[0]! };
}

function asTokens(response: {
  access_token: string;
  refresh_token?: string | undefined;
  id_token?: string | undefined;
}): Tokens {
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    idToken: response.id_token!,
  };
}

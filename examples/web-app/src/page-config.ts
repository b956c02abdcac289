/** `GET /config.json`: shared by the server and the page. */
export interface PageConfig {
  readonly origin: string;
  readonly issuer: string;
  readonly gateway: string;
  readonly clientId: string;
  readonly scope: string;
  readonly resource: string;
  readonly ordersPath: string;
  readonly accountUrl: string;
  readonly redirectUri: string;
  readonly postLogoutRedirectUri: string;
}

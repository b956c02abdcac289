/** What happens in the background. Never a token, secret or key. */
export interface GuardEvent {
  readonly event: string;
  readonly [detail: string]: unknown;
}

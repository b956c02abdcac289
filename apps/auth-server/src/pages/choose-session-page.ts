/** Asks which sessions end, so that there is room for one more. Plain boxes: it works without a script. */
import { type Content, html, isolated, named } from "./html.ts";
import { alert, page } from "./layout.ts";
import { RELATIVE_TIMES_PATH, time } from "./times.ts";

export interface ChooseSessionPage {
  readonly action: string;
  readonly formToken: string;
  /** Absent when it is asked of whoever is signed in already. */
  readonly ticket?: string | undefined;
  /** Only what the app has there ends. */
  readonly isOfApp?: boolean;
  readonly username: string | undefined;
  readonly sessions: readonly SessionChoice[];
  /** How many must be chosen at least. */
  readonly atLeast: number;
  /** Absent when somebody signs in to the account page itself. */
  readonly clientName?: string | undefined;
  readonly problem?: string | undefined;
}

export interface SessionChoice {
  readonly uid: string;
  readonly name: string;
  readonly address: string | null;
  /** Seconds. */
  readonly lastSeenAt: number;
}

export function chooseSessionPage(content: ChooseSessionPage): string {
  const { sessions } = content;
  const title = "Choose a device to sign out";
  return page({
    title,
    script: RELATIVE_TIMES_PATH,
    main: html`<h1>${title}</h1>
<p id="why">${content.isOfApp === true ? whyOfApp(content) : why(content)}</p>
${alert(content.problem)}
<form method="post" action="${content.action}">
<input type="hidden" name="form" value="${content.formToken}">
${content.ticket !== undefined && ticketFields(content.ticket, content.username)}
<fieldset aria-describedby="why"><legend>Signed in on</legend>
<ul class="rows choices">${sessions.map(choiceRow)}</ul>
</fieldset>
<div class="actions stacked">
<button type="submit" name="decision" value="end" class="primary">Sign out there and continue</button>
<button type="submit" name="decision" value="cancel">Cancel</button>
</div>
</form>`,
  });
}

const some = (atLeast: number): string => (atLeast === 1 ? "one or more" : `${atLeast} or more`);

const why = ({ sessions, atLeast, clientName }: ChooseSessionPage): Content =>
  html`You are signed in on ${counted(sessions.length)}, and no more are allowed. Sign out ${some(atLeast)}, and you are signed in here${clientName !== undefined && html` to ${named(clientName)}`}.`;

const whyOfApp = ({ sessions, atLeast, clientName }: ChooseSessionPage): Content =>
  html`You use ${named(clientName ?? "the app")} on ${counted(sessions.length)}, and no more are allowed. Sign out of it on ${some(atLeast)} to use it here. Other apps there stay signed in.`;

const ticketFields = (ticket: string, username = ""): Content =>
  html`<input type="hidden" name="ticket" value="${ticket}">
<input type="hidden" name="username" value="${username}">`;

const counted = (sessions: number): string => (sessions === 1 ? "one device" : `${sessions} devices`);

/** Two browsers of one kind at one address have one name and differ by when they were seen: all of it is the label. */
function choiceRow({ uid, name, address, lastSeenAt }: SessionChoice, at: number): Content {
  const from = address === null ? "" : html`<span class="address">${address}</span>, `;
  return html`<li><input type="checkbox" id="session-${at}" name="ends" value="${uid}">
<label for="session-${at}">${isolated(name)}<span class="note">${from}last seen ${time(lastSeenAt)}</span></label></li>`;
}

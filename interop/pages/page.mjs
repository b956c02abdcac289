/** What every page here has beside its library. */
export const SCOPE = "openid profile email orders.read";
export const HERE = `${location.origin}/`;

export const { issuer, clientId, ordersUrl } = await (await fetch("/settings.json")).json();

export const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

export const onClick = (id, handle) => {
  document.getElementById(id).addEventListener("click", handle);
};

export async function call(accessToken) {
  const { status } = await fetch(ordersUrl, { headers: { authorization: `Bearer ${accessToken}` } });
  show("answer", String(status));
}

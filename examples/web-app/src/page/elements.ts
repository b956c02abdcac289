/** An element that index.html has; a missing one is a mistake of ours. */
export function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no #${id}`);
  return found;
}

export function show(ids: readonly string[], visible: boolean): void {
  for (const id of ids) element(id).hidden = !visible;
}

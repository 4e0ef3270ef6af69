// What both pages share: refreshing while somebody looks, saying what went wrong, signing out.

import { Refusal, ROOT, key, signOut } from "./api.js";
import { el } from "./dom.js";
import { clock } from "./format.js";

const EVERY_MILLISECONDS = 15_000;

let shown = null;

/** Call `load` now, on demand, and every so often while the page is seen and the box is ticked. */
export function keepFresh(load) {
  const automatic = document.getElementById("automatic");
  const updated = document.getElementById("updated");
  let running = null;

  async function run() {
    try {
      await load();
      showError(null);
      const now = new Date();
      updated.replaceChildren("Read at ", el("time", { datetime: now.toISOString() }, clock(now)));
    } catch (error) {
      showError(error);
    }
  }

  // Whoever asks while a refresh runs wants what comes after it.
  function refresh() {
    running = (running ?? Promise.resolve()).then(run);
    return running;
  }

  document.getElementById("refresh").addEventListener("click", refresh);
  const signOutButton = document.getElementById("sign-out");
  signOutButton.hidden = key() === null;
  signOutButton.addEventListener("click", signOut);
  setInterval(() => {
    if (automatic.checked && !document.hidden) {
      refresh();
    }
  }, EVERY_MILLISECONDS);
  document.addEventListener("visibilitychange", () => {
    if (automatic.checked && !document.hidden) {
      refresh();
    }
  });
  refresh();
  return refresh;
}

function showError(error) {
  const place = document.getElementById("error");
  if (error === null) {
    place.hidden = true;
    place.replaceChildren();
    shown = null;
    return;
  }
  if (!(error instanceof Refusal)) {
    console.error(error);
  }
  const text = error instanceof Refusal ? error.message : "The page met an error of its own; the console has it.";
  // The same text again would be read out again.
  if (shown === text) {
    return;
  }
  shown = text;
  const signIn = error.status === 401 || error.status === 403;
  place.replaceChildren(text, ...(signIn ? [" ", el("a", { href: ROOT.href }, "Sign in")] : []));
  place.hidden = false;
}

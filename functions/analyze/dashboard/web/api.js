// The API as the pages call it: reads with the cookie, writes with the key in a header.

export const ROOT = new URL("../", import.meta.url);

const COOKIE = "bakeoff_key";

/** What the API refused, in its own words. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function address(path) {
  return new URL(path.replace(/^\//, ""), ROOT).href;
}

export function key() {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${COOKIE}=`));
  return found ? found.slice(COOKIE.length + 1) : null;
}

export function signOut() {
  document.cookie = `${COOKIE}=; Path=/; Max-Age=0; SameSite=Strict`;
  location.assign(ROOT);
}

export function read(path) {
  return ask(path, { headers: { Accept: "application/json" } });
}

export function write(path, body) {
  const headers = { Accept: "application/json", "Content-Type": "application/json" };
  const signedInWith = key();
  if (signedInWith) {
    headers["X-API-Key"] = signedInWith;
  }
  return ask(path, { method: "POST", headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(address(path), { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refusal(0, "Bakeoff cannot be reached. Is there a connection?");
  }
  const content = await answer.json().catch(() => null);
  if (answer.ok) {
    return content;
  }
  if (answer.status === 401) {
    throw new Refusal(401, "Nobody is signed in, or the key is not valid any more.");
  }
  if (answer.status === 403) {
    throw new Refusal(403, problemText(content) ?? "The key does not allow this.");
  }
  throw new Refusal(answer.status, problemText(content) ?? `The request failed with status ${answer.status}.`);
}

function problemText(content) {
  if (!content) {
    return null;
  }
  const errors = (content.errors ?? []).map((error) => `${error.loc}: ${error.msg}`);
  return errors.length ? errors.join("; ") : content.detail ?? null;
}

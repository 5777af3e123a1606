// The public HTTP face, as any client sees it: same origin, bearer tokens, problem+json errors.

const KEPT = "souk.session";

/** An error the service answered: `status`, `code`, `pointer` to the field at fault, `parameters` for its sentence, `correlationId` to quote. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail ?? `HTTP ${status}`);
    Object.assign(this, { status, code: body?.code ?? "unreachable", pointer: body?.pointer ?? null, parameters: body?.parameters ?? {}, correlationId: body?.correlationId ?? null });
  }
}

export const session = {
  get() {
    try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; }
  },
  set(tokens) {
    localStorage.setItem(KEPT, JSON.stringify({ ...tokens, until: Date.now() + tokens.expiresIn * 1000 }));
    window.dispatchEvent(new Event("souk:session"));
  },
  clear() {
    localStorage.removeItem(KEPT);
    window.dispatchEvent(new Event("souk:session"));
  },
  /** Return the claims of the access token, null when logged out. They are for display; services check for themselves. */
  claims() {
    const token = session.get()?.accessToken;
    if (!token) return null;
    try {
      const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (c) => c.codePointAt(0))));
    } catch { return null; }
  },
};

/** Return a valid access token, refreshed where it is about to end; null for a guest. One tab refreshes at a time. */
async function accessToken() {
  if (!session.get()) return null;
  if (session.get().until - Date.now() > 30_000) return session.get().accessToken;
  const refresh = async () => {
    const now = session.get();
    if (!now || now.until - Date.now() > 30_000) return;
    const answer = await send("POST", "/identity/refresh", { body: { refreshToken: now.refreshToken } });
    if (answer.ok) session.set(await answer.json());
    else if (answer.status < 500 && answer.status !== 429) session.clear(); // too many calls from this network end no session
  };
  await (navigator.locks ? navigator.locks.request("souk.refresh", refresh) : refresh());
  return session.get()?.accessToken ?? null;
}

function send(method, path, { body, headers = {}, signal } = {}) {
  const raw = typeof body === "string" || body instanceof Blob;
  return fetch(path, {
    method, signal,
    headers: { ...(body === undefined || raw ? {} : { "Content-Type": "application/json" }), ...headers },
    body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
  });
}

/**
 * Call a service and return `{data, etag}`; throws Problem.
 * @param {{body?: any, headers?: object, guest?: boolean, signal?: AbortSignal}} options `guest`: send no token
 */
export async function call(method, path, options = {}) {
  const token = options.guest ? null : await accessToken();
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...options.headers };
  let answer;
  try {
    answer = await send(method, path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The shop cannot be reached. Check the connection and try again." });
  }
  const text = await answer.text();
  let data = null;
  try { data = text ? JSON.parse(text) : null; } catch { data = text; }
  if (!answer.ok) {
    if (answer.status === 401 && token) session.clear();
    throw new Problem(answer.status, data);
  }
  return { data, etag: answer.headers.get("ETag"), headers: answer.headers };
}

export const get = async (path, options) => (await call("GET", path, options)).data;

/** Return a page of a list that has something to show, or the last one: an empty page with a cursor is not the end. */
export async function page(path, options) {
  const answer = await get(path, options);
  if (answer.items.length || !answer.nextCursor) return answer;
  const next = new URL(path, location.origin);
  next.searchParams.set("cursor", answer.nextCursor);
  return page(next.pathname + next.search, options);
}

export const post = async (path, body, options = {}) => (await call("POST", path, { ...options, body })).data;

/** Return a key under which a request can be repeated safely. */
export const idempotencyKey = () => crypto.randomUUID();

// What the page asks of the lab: hand an image in, watch it, pick it up.

/** An answer that is an error, in the words of application/problem+json. */
export class Problem extends Error {
  constructor({ title, detail = "", code = "", status = 0, retryAfter = 0 }) {
    super(detail || title);
    Object.assign(this, { title, detail, code, status, retryAfter });
  }

  /** Whether the same request may succeed a little later; nothing was taken in. */
  get busy() {
    return this.status === 429 || this.status === 503;
  }
}

const unreachable = () => new Problem({
  title: "The lab cannot be reached",
  detail: "The connection failed or broke off. Try again in a moment.",
});

// A browser opens six connections to a host at most. Long polls hold theirs,
// so all requests queue for fewer, and no upload starves behind waiting.
const slots = { free: 4, queue: [] };

async function withSlot(work) {
  if (slots.free > 0) slots.free--;
  else await new Promise((turn) => slots.queue.push(turn));
  try {
    return await work();
  } finally {
    const next = slots.queue.shift();
    if (next) next();
    else slots.free++;
  }
}

/** Hands a file in and gives its ID. */
export function submit(file, pipeline, { signal, onProgress, onBusy }) {
  return patiently(() => withSlot(() => post(file, pipeline, signal, onProgress)), { signal, onBusy, tries: 8 });
}

// fetch does not say how far an upload is; XMLHttpRequest does.
function post(file, pipeline, signal, onProgress) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const xhr = new XMLHttpRequest();
    const abort = () => xhr.abort();
    signal.addEventListener("abort", abort);
    xhr.upload.onprogress = (e) => e.lengthComputable && onProgress(e.loaded / e.total);
    xhr.onloadend = () => signal.removeEventListener("abort", abort);
    xhr.onabort = () => reject(signal.reason);
    xhr.onerror = () => reject(unreachable());
    xhr.onload = () => {
      const body = parse(xhr.responseText);
      if (xhr.status === 202 && body.id) resolve(body.id);
      else reject(problem(xhr.status, body, xhr.getResponseHeader("Retry-After")));
    };
    xhr.open("POST", "/newImage?" + new URLSearchParams({ pipeline }));
    xhr.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    xhr.send(file);
  });
}

/** Waits until the work on an ID has ended well; it throws when it has not. */
export async function finished(id, { signal, onProgress, onBusy }) {
  for (;;) {
    const status = await patiently(() => withSlot(() => poll(id, signal)), { signal, onBusy, tries: Infinity });
    onProgress(status.progress ?? 0);
    if (status.status === "finished") return;
    if (status.status === "failed") {
      throw new Problem({ title: "This photo could not be altered", detail: status.error?.detail, code: status.error?.code });
    }
    if (status.status === "canceled") throw new Problem({ title: "This work was canceled" });
  }
}

async function poll(id, signal) {
  // While others wait for a connection the line is kept moving.
  const wait = slots.queue.length > 0 ? "1s" : "20s";
  const response = await get("/image/isReady?" + new URLSearchParams({ id, wait }), signal);
  return response.json();
}

export const resultURL = (id) => "/image/get?" + new URLSearchParams({ id });

/** Picks the result up. */
export function result(id, { signal, onBusy }) {
  return patiently(() => withSlot(async () => (await get(resultURL(id), signal)).blob()), { signal, onBusy, tries: 8 });
}

async function get(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (err) {
    throw signal.aborted ? signal.reason : Object.assign(unreachable(), { status: 503 });
  }
  if (response.ok) return response;
  throw problem(response.status, parse(await response.text()), response.headers.get("Retry-After"));
}

/** Who the lab takes this page for: {owner, scopes, key}. */
export const identity = () => session("GET");

/** Opens a session with a key, and ends it. */
export const signIn = (key) => session("POST", { Authorization: `Bearer ${key}` });
export const signOut = () => session("DELETE");

async function session(method, headers = {}) {
  let response;
  try {
    response = await fetch("/session", { method, headers });
  } catch {
    throw unreachable();
  }
  const body = parse(await response.text());
  if (response.ok) return body;
  throw problem(response.status, body, response.headers.get("Retry-After"));
}

/** What is dispatched to the window when the lab does not know who this is. */
export const unknown = "unknown-caller";

function problem(status, body, retryAfter) {
  if (status === 401) dispatchEvent(new Event(unknown));
  return new Problem({
    title: sentence(body.title || `The lab answered ${status}`), detail: sentence(body.detail || ""),
    code: body.code, status, retryAfter: Number(retryAfter) || 0,
  });
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function parse(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {}; // an answer of something between the lab and here
  }
}

// patiently repeats a request that the lab has refused because it is busy,
// later each time, and no sooner than it was asked to.
async function patiently(request, { signal, onBusy, tries }) {
  for (let n = 1; ; n++) {
    try {
      return await request();
    } catch (err) {
      if (!(err instanceof Problem && err.busy) || n >= tries) throw err;
      onBusy();
      await pause(Math.max(err.retryAfter * 1000, Math.min(30_000, 500 * 2 ** n) * (0.5 + Math.random() / 2)), signal);
    }
  }
}

function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(signal.reason));
    const timer = setTimeout(() => (signal.removeEventListener("abort", stop), resolve()), ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

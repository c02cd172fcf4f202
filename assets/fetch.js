/* What every request of a page has in common: signed out is said, a restart is waited out, idling is told. */
(function () {
  "use strict";
  const plain = window.fetch.bind(window);
  const CALLBACK = "/_dash-update-component";
  const READS = ["pathname", "search", "hash", "n_intervals", "getRowsRequest"];
  const IDLE_MS = 60000;
  const PATIENCE_MS = 45000;
  const LONGEST_PAUSE_MS = 3000;
  let lastInput = Date.now();
  let waiting = 0;
  let leaving = false;
  let throttled = false;

  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) {
    window.addEventListener(kind, () => (lastInput = Date.now()), { capture: true, passive: true });
  }

  function isRead(method, path, body) {
    if (method === "GET") {
      return true;
    }
    if (!path.endsWith(CALLBACK) || typeof body !== "string") {
      return false;
    }
    const changed = JSON.parse(body).changedPropIds || [];
    return changed.every((prop) => READS.includes(prop.slice(prop.lastIndexOf(".") + 1)));
  }

  /* A 503 with Retry-After comes before any work was done, or from what only reads: both may be repeated. */
  function mayRepeat(response, method, path) {
    return (
      response.status === 503 &&
      response.headers.has("Retry-After") &&
      (method === "GET" || path.endsWith(CALLBACK))
    );
  }

  /* A 429 with Retry-After comes before any work was done: told, waited out, and asked again. */
  function throttledFor(response) {
    const seconds = response.status === 429 ? Number(response.headers.get("Retry-After")) : 0;
    if (seconds > 0 && !throttled) {
      throttled = true;
      setTimeout(() => (throttled = false), seconds * 1000);
      if (window.sourcingx.say) {
        window.sourcingx.say(`This page asked for too much at once. It goes on in ${seconds} s.`, "warning");
      }
    }
    return seconds;
  }

  function pause(attempt) {
    const longest = Math.min(LONGEST_PAUSE_MS, 400 * 2 ** attempt);
    return new Promise((go) => setTimeout(go, longest * (0.5 + Math.random() / 2)));
  }

  function reconnecting(change) {
    waiting += change;
    if (window.sourcingx.reconnecting) {
      window.sourcingx.reconnecting(waiting > 0);
    }
  }

  function signedOut() {
    if (!leaving) {
      leaving = true;
      const next = encodeURIComponent(location.pathname + location.search);
      if (window.sourcingx.say) {
        window.sourcingx.say("You have been signed out. Taking you to the sign-in page.", "warning");
      }
      setTimeout(() => location.assign(`/login?notice=ended&next=${next}`), 1500);
    }
    /* Never answered: the page is about to go, and Dash should neither retry nor report an error. */
    return new Promise(() => {});
  }

  async function ask(resource, options, method, path) {
    const started = Date.now();
    let counted = false;
    try {
      for (let attempt = 0; ; attempt += 1) {
        const isLast = Date.now() - started > PATIENCE_MS;
        try {
          const response = await plain(resource, options);
          if (response.status === 401) {
            return signedOut();
          }
          const seconds = throttledFor(response);
          if (seconds > 0 && !isLast && (method === "GET" || path.endsWith(CALLBACK))) {
            await new Promise((go) => setTimeout(go, seconds * 1000));
            continue;
          }
          if (isLast || !mayRepeat(response, method, path)) {
            return response;
          }
        } catch (error) {
          const isAborted = error.name === "AbortError";
          if (isLast || isAborted || !isRead(method, path, options.body)) {
            throw error;
          }
        }
        if (!counted) {
          counted = true;
          reconnecting(+1);
        }
        await pause(attempt);
      }
    } finally {
      if (counted) {
        reconnecting(-1);
      }
    }
  }

  window.fetch = function (resource, options = {}) {
    const url = new URL(resource instanceof Request ? resource.url : resource, location.href);
    if (resource instanceof Request || url.origin !== location.origin) {
      return plain(resource, options);
    }
    const headers = new Headers(options.headers || {});
    if (Date.now() - lastInput > IDLE_MS) {
      headers.set("X-Background", "1");
    }
    const method = (options.method || "GET").toUpperCase();
    return ask(resource, { ...options, headers }, method, url.pathname);
  };
})();

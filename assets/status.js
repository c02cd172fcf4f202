/* The status page looks again while somebody looks at it, and at once when they come back. */
(function () {
  "use strict";

  function setPace() {
    if (!document.querySelector("[data-status]")) return;
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    const props = isLookedAt ? { disabled: false, n_intervals: Date.now() % 1e9 } : { disabled: true };
    window.dash_clientside.set_props("status-tick", props);
  }

  document.addEventListener("visibilitychange", setPace);
  window.addEventListener("focus", setPace);
  window.addEventListener("blur", setPace);
})();

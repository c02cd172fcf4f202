/* Watching runs: every second while the page is looked at, every five seconds otherwise. */
(function () {
  "use strict";
  const LOOKED_AT_MS = 1000;
  const ASIDE_MS = 5000;

  function setPace() {
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    document.querySelectorAll("[data-run-panel]").forEach((panel) => {
      const id = { type: "run-tick", run: panel.dataset.runPanel };
      window.dash_clientside.set_props(id, { interval: isLookedAt ? LOOKED_AT_MS : ASIDE_MS });
    });
  }

  document.addEventListener("visibilitychange", setPace);
  window.addEventListener("focus", setPace);
  window.addEventListener("blur", setPace);
})();

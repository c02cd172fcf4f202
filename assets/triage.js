// Triage: judge one person after the other from the keyboard, and mark the row that is open.
(function () {
  "use strict";

  const ROWS = "button.result-row";
  const VERDICT_KEYS = { y: "GO", m: "MAYBE", n: "NO GO" };

  function rows() {
    return Array.from(document.querySelectorAll(ROWS));
  }

  function step(by) {
    const all = rows();
    if (!all.length) return;
    const open = all.findIndex((row) => row.classList.contains("result-row-open"));
    const next = open < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(open + by, 0), all.length - 1);
    all[next].click();
    all[next].focus({ preventScroll: true });
    all[next].scrollIntoView({ block: "nearest" });
  }

  function press(selector) {
    const button = document.querySelector(selector);
    if (button) button.click();
  }

  // Dash writes the id of a component with a pattern as JSON with sorted keys.
  function withId(id) {
    return '[id="' + CSS.escape(JSON.stringify(id)).replace(/\\(?=[{}":, -])/g, "\\") + '"]';
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!document.querySelector("[data-triage]") || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "arrowdown") step(1);
    else if (key === "k" || key === "arrowup") step(-1);
    else if (key in VERDICT_KEYS) press(withId({ type: "screening-verdict", verdict: VERDICT_KEYS[key] }));
    else if (key === "u") press("#screening-undo");
    else if (/^[1-9]$/.test(key)) press(withId({ number: Number(key), type: "screening-reason" }));
    else return;
    event.preventDefault();
  });

  // The button in a card that can be undone; the page has one that is always there.
  document.addEventListener("click", function (event) {
    if (event.target.closest("[data-undo]")) press("#screening-undo");
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.triage = {
    // The rows are drawn by the server; which one is open is this page's own business.
    markOpenRow: function (opened) {
      const wanted = opened && opened.screening_id;
      for (const row of rows()) {
        const id = JSON.parse(row.id);
        row.classList.toggle("result-row-open", String(id.screening) === String(wanted));
      }
      if (wanted && window.location.pathname === "/screening") {
        const address = new URL(window.location.href);
        address.searchParams.set("open", wanted);
        window.history.replaceState(window.history.state, "", address);
      }
      return wanted || "";
    },
  };
})();

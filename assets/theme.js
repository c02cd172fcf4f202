/* The theme, before the first paint: the account's choice, else this browser's, else the system's. */
(function () {
  "use strict";
  const root = document.documentElement;
  const isTheme = (value) => value === "light" || value === "dark";
  function kept() {
    try {
      return localStorage.getItem("theme");
    } catch {
      return null;
    }
  }
  function keep(theme) {
    try {
      localStorage.setItem("theme", theme);
    } catch {
      /* a browser that keeps nothing still shows the account's choice */
    }
  }
  function system() {
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  const ofAccount = root.getAttribute("data-bs-theme");
  const theme = [ofAccount, kept(), system()].find(isTheme);
  if (isTheme(ofAccount)) {
    keep(ofAccount);
  }
  root.setAttribute("data-bs-theme", theme);

  window.sourcingx = {
    theme: () => root.getAttribute("data-bs-theme"),
    setTheme(next) {
      keep(next);
      root.setAttribute("data-bs-theme", next);
      document.dispatchEvent(new CustomEvent("sourcingx:theme", { detail: next }));
    },
  };
})();

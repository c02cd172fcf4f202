/* The grid's library is larger than everything else together: it comes when the first grid is drawn. */
(function () {
  "use strict";
  const address = document.querySelector('meta[name="grid-library"]');
  if (!address || !window.React) {
    return;
  }
  let library = null;
  function loadScript(source) {
    return new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = source;
      script.onload = done;
      script.onerror = () => failed(new Error("The grid could not be loaded. Please reload the page."));
      document.head.append(script);
    });
  }
  function load() {
    /* Both halves at once; the main one finds the other already there and does not ask for it again. */
    library = library || Promise.all([address.content, address.dataset.main].map(loadScript)).then(() => window.dash_ag_grid);
    return library;
  }
  const Real = window.React.lazy(() => load().then((loaded) => ({ default: loaded.AgGrid })));
  function AgGrid(props) {
    const waiting = window.React.createElement("div", { className: "grid-waiting", "aria-busy": "true" });
    return window.React.createElement(
      window.React.Suspense,
      { fallback: waiting },
      window.React.createElement(Real, props),
    );
  }
  AgGrid.dashRenderType = true;
  /* The library replaces this stand-in when it arrives. */
  window.dash_ag_grid = { AgGrid };
})();

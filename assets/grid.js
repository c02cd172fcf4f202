/* The grid's library is larger than everything else together: it comes when the first grid is drawn. */
(function () {
  "use strict";
  const address = document.querySelector('meta[name="grid-library"]');
  if (!address || !window.React) {
    return;
  }
  let library = null;
  function load() {
    library =
      library ||
      new Promise((done, failed) => {
        const script = document.createElement("script");
        script.src = address.content;
        script.onload = () => done(window.dash_ag_grid);
        script.onerror = () => failed(new Error("The grid could not be loaded. Please reload the page."));
        document.head.append(script);
      });
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

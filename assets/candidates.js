/* Candidates in the browser: the address, the grid's cache, choosing, and keys. Rows never leave the grid. */
(function () {
  "use strict";
  const GRID = "candidates-grid";
  const VIEW = "candidates-view";
  const PERSON = "candidates-person";
  const OWN = ["person", "row"];
  const ANSWER_MS = 10000;
  const BY_HAND = ["checkboxSelected", "spaceKey", "rowClicked"];
  let shownView = null;
  let hooked = null;
  let askedAt = 0;
  let hasChosenAll = false;
  let leavesAll = false;
  let isTypingOn = false;

  function same() {
    return window.dash_clientside.no_update;
  }

  function set(id, props) {
    window.dash_clientside.set_props(id, props);
  }

  function isHere() {
    return location.pathname === "/candidates";
  }

  /* The grid's library may not have come yet, and a grid that was left has an api that is destroyed. */
  function gridApi() {
    const library = window.dash_ag_grid;
    const api = library && library.getApi && document.getElementById(GRID) ? library.getApi(GRID) : null;
    return api && !api.isDestroyed() ? api : null;
  }

  function address(view, own) {
    const parts = new URLSearchParams(view);
    for (const name of OWN) {
      parts.delete(name);
      if (own[name]) {
        parts.set(name, own[name]);
      }
    }
    const text = parts.toString();
    return location.pathname + (text ? `?${text}` : "");
  }

  function ownParts() {
    const now = new URLSearchParams(location.search);
    return Object.fromEntries(OWN.map((name) => [name, now.get(name)]));
  }

  /* Dash is not told: it would draw the whole page anew for each letter of a search. Going back is ours, too. */
  function write(url, asNewEntry) {
    if (url === location.pathname + location.search) {
      return;
    }
    history[asNewEntry ? "pushState" : "replaceState"](history.state, "", url);
  }

  function sortOf(view) {
    const text = new URLSearchParams(view).get("sort") || "name";
    return text.startsWith("-") ? { colId: text.slice(1), sort: "desc" } : { colId: text, sort: "asc" };
  }

  function shownSort(api) {
    /* A grid that is just being left has no columns any more. */
    const state = (api.getColumnState() || []).find((column) => column.sort);
    return state ? { colId: state.colId, sort: state.sort } : { colId: "name", sort: "asc" };
  }

  function sortChanged(event) {
    isTypingOn = false;
    const { colId, sort } = shownSort(event.api);
    const parts = new URLSearchParams(shownView || "");
    parts.delete("sort");
    if (colId !== "name" || sort !== "asc") {
      parts.set("sort", sort === "desc" ? `-${colId}` : colId);
    }
    const next = parts.toString();
    if (next !== shownView) {
      shownView = next;
      write(address(next, { ...ownParts(), row: null }), true);
      set(VIEW, { data: next });
    }
  }

  function scrolled(event) {
    const { top } = event.api.getVerticalPixelRange();
    const row = Math.round(top / event.api.getSizesForCurrentTheme().rowHeight);
    write(address(shownView || "", { ...ownParts(), row: row > 0 ? row : null }), false);
  }

  /* Everybody who matches is chosen, so each row that is here, or comes later, looks it. */
  function tickLoaded(api) {
    const nodes = [];
    api.forEachNode((node) => {
      if (node.data && !node.isSelected()) {
        nodes.push(node);
      }
    });
    if (nodes.length) {
      api.setNodesSelected({ nodes, newValue: true });
    }
  }

  function rowsCame(event) {
    if (hasChosenAll) {
      tickLoaded(event.api);
    }
  }

  function rowSelected(event) {
    leavesAll = leavesAll || (hasChosenAll && !event.node.isSelected() && BY_HAND.includes(event.source));
  }

  /* The grid draws its columns at one width first and fits them to the window then: it is shown fitted only. */
  function showFitted(api) {
    const place = document.querySelector(".table-place");
    const fit = () => place && place.setAttribute("data-fitted", "");
    const flexible = (api.getColumns() || []).filter((column) => column.getFlex());
    if (new Set(flexible.map((column) => column.getActualWidth())).size > 1) {
      fit();
    } else {
      api.addEventListener("columnResized", (event) => event.source === "flex" && fit());
    }
  }

  function hook(api) {
    if (hooked === api) {
      return;
    }
    hooked = api;
    showFitted(api);
    api.addEventListener("sortChanged", sortChanged);
    api.addEventListener("bodyScrollEnd", scrolled);
    api.addEventListener("modelUpdated", rowsCame);
    api.addEventListener("rowSelected", rowSelected);
    const row = Number(new URLSearchParams(location.search).get("row"));
    if (row > 0) {
      api.setRowCount(row + 200, false);
      api.ensureIndexVisible(row, "top");
    }
  }

  function withoutText(view) {
    const parts = new URLSearchParams(view);
    parts.delete("q");
    return parts.toString();
  }

  function currentView(data) {
    const parts = new URLSearchParams(data || "");
    OWN.forEach((name) => parts.delete(name));
    return parts.toString();
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.candidates = {
    /* A request that is never answered (a lost connection) would leave the grid loading for ever. */
    watchRequest(request) {
      const api = gridApi();
      if (request && api) {
        hook(api);
        const mine = (askedAt = Date.now());
        setTimeout(() => {
          const waiting = document.querySelector(`#${GRID} .ag-row-loading`);
          const now = gridApi();
          if (askedAt === mine && waiting && now) {
            now.purgeInfiniteCache();
          }
        }, ANSWER_MS);
      }
      return same();
    },

    showView(data) {
      if (data === undefined || data === null) {
        return same();
      }
      const next = currentView(data);
      const isFirst = shownView === null || !hooked || hooked.isDestroyed();
      const isOther = next !== shownView;
      /* A text that grows while it is typed is one step back, not one for each pause. */
      const isText = isOther && !isFirst && withoutText(next) === withoutText(shownView);
      const asNewEntry = !(isText && isTypingOn);
      isTypingOn = isText || (isTypingOn && !isOther);
      shownView = next;
      if (isFirst) {
        write(address(next, ownParts()), false);
      } else if (isOther) {
        write(address(next, { ...ownParts(), row: null }), asNewEntry);
      }
      const api = gridApi();
      if (api && isOther && hasChosenAll) {
        /* Who matches now is another crowd; its rows are ticked as they come. */
        api.deselectAll();
      }
      if (api) {
        const wanted = sortOf(next);
        const has = shownSort(api);
        if (wanted.colId !== has.colId || wanted.sort !== has.sort) {
          api.applyColumnState({ state: [wanted], defaultState: { sort: null } });
        } else {
          api.purgeInfiniteCache();
        }
        if (isOther && !isFirst) {
          api.ensureIndexVisible(0, "top");
        }
      }
      return same();
    },

    showCount(count) {
      const api = gridApi();
      if (count && count.exact && api && count.total > 0) {
        api.setRowCount(count.total, true);
      }
      return !count || count.total === 0;
    },

    choose(rows) {
      const [trigger] = window.dash_clientside.callback_context.triggered;
      const api = gridApi();
      if (trigger && trigger.prop_id.startsWith("candidates-choose-all")) {
        return { all: true };
      }
      if (trigger && trigger.prop_id.endsWith(".n_clicks")) {
        if (api) {
          api.deselectAll();
        }
        return null;
      }
      if (hasChosenAll && !leavesAll) {
        return same();
      }
      const count = rows ? rows.length : 0;
      if (leavesAll && count) {
        window.sourcingx.say(`No longer all that match: the ${count} ticked so far stay chosen.`, "info");
      }
      leavesAll = false;
      return count ? { ids: rows.map((row) => row.id) } : null;
    },

    showChosen(chosen, countWords) {
      hasChosenAll = Boolean(chosen && chosen.all);
      const api = gridApi();
      if (!chosen && api && api.getSelectedRows().length) {
        api.deselectAll();
      }
      if (!chosen) {
        return ["", true];
      }
      if (chosen.all && api) {
        tickLoaded(api);
      }
      return [chosen.all ? `All that match: ${countWords}` : `${chosen.ids.length} chosen`, false];
    },

    openClicked(cell) {
      const [trigger] = window.dash_clientside.callback_context.triggered;
      if (trigger && trigger.prop_id.endsWith(".n_clicks")) {
        return null;
      }
      const isText = String(window.getSelection()).length > 0;
      if (!cell || cell.rowId === undefined || isText || String(cell.colId).startsWith("ag-Grid-")) {
        return same();
      }
      return String(cell.rowId);
    },

    showPerson(person) {
      if (person !== undefined && isHere() && shownView !== null) {
        write(address(shownView, { ...ownParts(), person }), true);
      }
      return same();
    },
  };

  /* Going back, or the menu's own link to this page: what the address says now is shown, whatever Dash was told. */
  for (const event of ["popstate", "_dashprivate_pushstate"]) {
    window.addEventListener(event, () => {
      const asked = currentView(location.search);
      if (isHere() && document.getElementById(GRID) && (event === "popstate" || asked !== shownView)) {
        isTypingOn = false;
        shownView = asked;
        set("candidates-came-back", { data: { search: location.search, at: String(Date.now()) } });
      }
    });
  }

  function focusedNode(api) {
    const cell = api.getFocusedCell();
    return cell ? api.getDisplayedRowAtIndex(cell.rowIndex) : null;
  }

  function move(api, step) {
    const cell = api.getFocusedCell();
    const last = api.getDisplayedRowCount() - 1;
    const index = Math.max(0, Math.min(last, cell ? cell.rowIndex + step : 0));
    api.ensureIndexVisible(index);
    api.setFocusedCell(index, "name");
    const node = api.getDisplayedRowAtIndex(index);
    if (node && node.id && node.data && !document.getElementById("candidates-panel").hidden) {
      set(PERSON, { data: node.id });
    }
  }

  function isTyping(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }

  document.addEventListener("keydown", (event) => {
    const api = isHere() && gridApi();
    if (!api || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) {
      return;
    }
    const panel = document.getElementById("candidates-panel");
    if (event.key === "Escape" && panel && !panel.hidden) {
      set(PERSON, { data: null });
      return;
    }
    const isInGrid = Boolean(event.target.closest(`#${GRID}`));
    if (isTyping(event.target) || (!isInGrid && event.target.closest("button, a, summary"))) {
      return;
    }
    const node = focusedNode(api);
    if (event.key === "j" || event.key === "k") {
      move(api, event.key === "j" ? 1 : -1);
    } else if (event.key === "Enter" && node && node.data) {
      set(PERSON, { data: node.id });
    } else if (event.key === "x" && node && node.data) {
      node.setSelected(!node.isSelected(), false, "spaceKey");
    } else {
      return;
    }
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const copier = event.target.closest("[data-copy-person]");
    if (copier) {
      const link = `${location.origin}/candidates?person=${copier.dataset.copyPerson}`;
      navigator.clipboard.writeText(link).then(
        () => window.sourcingx.say("Link copied."),
        () => window.sourcingx.say(link, "info", true),
      );
    }
  });
})();

// A brief that is typed and not saved: nobody leaves it behind without being asked.
(function () {
  "use strict";

  const BOXES = ["title", "role", "must", "nice", "exclude"].map((name) => `position-${name}`);
  // Archiving goes to another page as well.
  const LEAVES = "a[href], #position-archive, #position-restore";

  let saved = null; // the texts as the server has them; null when there is nothing to lose
  let sent = null; // the texts that went to the server when a save button was pressed
  let lastSave = null;
  let address = "";
  let goOn = null;

  function plain(text) {
    return (text || "").replace(/\r\n?/g, "\n");
  }

  function typed() {
    const boxes = BOXES.map((id) => document.getElementById(id));
    return boxes.every(Boolean) ? boxes.map((box) => plain(box.value)) : null;
  }

  function hasUnsaved() {
    const now = saved && typed();
    return Boolean(now) && now.some((text, place) => text !== saved[place]);
  }

  /* Whatever leads away waits until the person says; saying nothing stays here. */
  function ask(leave) {
    goOn = leave;
    document.getElementById("position-leave").showModal();
  }

  function leaves(event) {
    const target = event.target.closest(LEAVES);
    if (!target || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return null;
    if (target.target === "_blank" || target.hasAttribute("download")) return null;
    const isWithin = target.hash && target.pathname === location.pathname && target.search === location.search;
    return isWithin ? null : target;
  }

  document.addEventListener(
    "click",
    function (event) {
      if (event.target.closest("#position-leave-anyway")) {
        saved = null;
        document.getElementById("position-leave").close();
        goOn();
        return;
      }
      const target = leaves(event);
      if (target && hasUnsaved()) {
        event.preventDefault();
        event.stopImmediatePropagation();
        ask(() => target.click());
      }
    },
    { capture: true },
  );

  // A step back or forward has happened when it is told: the form's address is put on top again, one step from there.
  window.addEventListener(
    "popstate",
    function (event) {
      if (location.pathname + location.search === address || !hasUnsaved()) return;
      event.stopImmediatePropagation();
      history.pushState(null, "", address);
      ask(() => history.back());
    },
    { capture: true },
  );

  window.addEventListener("beforeunload", function (event) {
    if (hasUnsaved()) event.preventDefault();
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.unsaved = {
    noteSent(_save, _approve, ...texts) {
      sent = texts.map(plain);
      return "";
    },
    /* The form was filled or saved. Words typed while it was being saved are not saved. */
    noteSaved(_history, save, open, ...texts) {
      address = location.pathname + location.search;
      if (open.position_id === "new") {
        saved = BOXES.map(() => "");
      } else if (save && save !== lastSave) {
        saved = sent;
      } else {
        saved = texts.map(plain);
      }
      lastSave = save;
      return "";
    },
  };
})();

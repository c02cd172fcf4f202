/* The shell in the browser: notices, the theme switch, the menu on small screens, keys, dialogs. */
(function () {
  "use strict";
  const NOTICE_MS = 7000;
  const GO_MS = 1200;
  const MOST_NOTICES = 3;
  const NARROW_PX = 575;
  const ENDS = ["succeeded", "failed", "stopped", "paused"];
  let reconnectNotice = null;
  let goUntil = 0;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  }

  /* Words are set as text, never as markup: they may hold what a file or a profile said. */
  function say(words, tone = "success", stays = false, href = "") {
    const host = document.getElementById("shell-notices");
    if (!host) {
      return null;
    }
    /* The same sentence twice at once is one piece of news. */
    const same = [...host.children].find((shown) => shown.dataset.words === words);
    if (same) {
      return same;
    }
    const notice = element("div", `notice notice-${tone}`, "");
    notice.dataset.words = words;
    const told = element("span", "notice-words", words);
    if (href) {
      told.append(" ", wayTo(href));
    }
    notice.append(told);
    const close = element("button", "btn-close", "");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => notice.remove());
    notice.append(close);
    notice.addEventListener("keydown", (event) => event.key === "Escape" && notice.remove());
    if (!stays) {
      leaveInTime(notice, tone === "danger" ? 3 * NOTICE_MS : NOTICE_MS);
    }
    keepClear(host);
    host.append(notice);
    /* More at once would reach down to what people work on. */
    while (host.children.length > MOST_NOTICES) {
      host.firstElementChild.remove();
    }
    return notice;
  }

  /* As Dash's own links go: the page changes, the shell stays. */
  function wayTo(href) {
    const link = element("a", "notice-link", "Open");
    link.href = href;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      link.closest(".notice").remove();
      window.dash_clientside.set_props("_pages_location", { pathname: href, search: "" });
    });
    return link;
  }

  /* The time stands still while somebody reads (the pointer is on it) or has the focus on its button. */
  function leaveInTime(notice, ms) {
    let timer = setTimeout(() => notice.remove(), ms);
    for (const kind of ["mouseenter", "focusin"]) {
      notice.addEventListener(kind, () => clearTimeout(timer));
    }
    for (const kind of ["mouseleave", "focusout"]) {
      notice.addEventListener(kind, () => {
        clearTimeout(timer);
        timer = setTimeout(() => notice.remove(), ms);
      });
    }
  }

  /* Below the bar at the top, beside the page's own buttons and never over them. */
  function keepClear(host) {
    const bar = document.querySelector(".top-bar");
    const actions = document.querySelector("main .page-actions");
    const isWide = window.innerWidth > NARROW_PX;
    const box = isWide && actions && actions.childElementCount ? actions.getBoundingClientRect() : null;
    const isInTheWay = box && box.bottom > 0 && box.left > host.offsetWidth;
    host.style.top = isWide && bar ? `${Math.max(0, bar.getBoundingClientRect().bottom) + 8}px` : "";
    host.style.right = isInTheWay ? `${document.documentElement.clientWidth - box.left + 12}px` : "";
  }

  function reconnecting(isWaiting) {
    if (isWaiting && !reconnectNotice) {
      reconnectNotice = say("Reconnecting. Nothing was lost.", "info", true);
    } else if (!isWaiting && reconnectNotice) {
      reconnectNotice.remove();
      reconnectNotice = null;
    }
  }

  /* For requests a page sends by itself, such as uploads: the header X-CSRFToken wants this. */
  function csrfToken() {
    const config = JSON.parse(document.getElementById("_dash-config").textContent);
    const pair = document.cookie.split("; ").find((item) => item.startsWith(`${config.csrf_token_name}=`));
    return pair ? decodeURIComponent(pair.slice(config.csrf_token_name.length + 1)) : "";
  }

  Object.assign(window.sourcingx, { say, reconnecting, csrfToken });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.shell = {
    switchTheme() {
      const next = window.sourcingx.theme() === "dark" ? "light" : "dark";
      window.sourcingx.setTheme(next);
      return next;
    },
    showNotice(notice) {
      if (!notice) {
        return window.dash_clientside.no_update;
      }
      say(notice.words, notice.tone, false, notice.href);
      return notice.id;
    },
    /* A run on the page has ended or rests: whoever looks at it has seen that. */
    lookAgain(states) {
      const hasNews = states.some((state) => ENDS.includes(state));
      return hasNews && isLookedAt() ? Date.now() : window.dash_clientside.no_update;
    },
    isInBackground: () => !isLookedAt(),
    openBell() {
      const [trigger] = window.dash_clientside.callback_context.triggered;
      return Boolean(trigger && trigger.prop_id.endsWith(".n_clicks"));
    },
    toggleMenu() {
      const [trigger] = window.dash_clientside.callback_context.triggered;
      const isClick = trigger && trigger.prop_id.endsWith(".n_clicks");
      return isClick ? !document.getElementById("shell-menu").classList.contains("show") : false;
    },
  };

  function isLookedAt() {
    return document.visibilityState === "visible";
  }

  /* A page in the background asks for nothing and counts nothing as seen; it asks at once when it comes back. */
  document.addEventListener("visibilitychange", () => {
    const asks = isLookedAt() ? { disabled: false, n_intervals: Date.now() } : { disabled: true };
    window.dash_clientside.set_props("shell-tick", asks);
  });

  function isTyping(target) {
    return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  }

  function press(event, target) {
    event.preventDefault();
    target.click();
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) {
      return;
    }
    const isGoing = Date.now() < goUntil;
    goUntil = 0;
    const place = isGoing && document.querySelector(`.top-bar [data-key="${CSS.escape(event.key)}"]`);
    if (place) {
      press(event, place);
    } else if (event.key === "g") {
      goUntil = Date.now() + GO_MS;
    } else if (event.key === "?") {
      document.getElementById("shell-shortcuts").showModal();
    } else if (event.key === "/") {
      const box = document.querySelector('main input[type="search"], main [data-search] input');
      if (box) {
        event.preventDefault();
        box.focus();
      }
    }
  });

  // Dash waits for a pause in the typing. A press on a button that sends a form means what stands in its boxes now.
  document.addEventListener(
    "click",
    (event) => {
      const sender = event.target.closest("[data-sends]");
      for (const id of sender ? sender.dataset.sends.split(" ") : []) {
        const box = document.getElementById(id);
        if (box) window.dash_clientside.set_props(id, { value: box.value });
      }
    },
    { capture: true },
  );

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      document.getElementById(opener.dataset.opens).showModal();
    }
    const copier = event.target.closest("[data-copies]");
    if (copier) {
      const source = document.getElementById(copier.dataset.copies);
      navigator.clipboard.writeText(source.value || source.textContent).then(
        () => say("Copied."),
        () => source.select(),
      );
    }
    for (const menu of document.querySelectorAll("details.person-menu[open]")) {
      if (!menu.contains(event.target) || event.target.closest("a")) {
        menu.open = false;
      }
    }
  });
})();

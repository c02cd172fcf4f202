// Triage: judge one person after the other from the keyboard, and mark the row that is open.
(function () {
  "use strict";

  const LONGEST_WAIT_MS = 4000;
  const LOOK_AGAIN_MS = 25;
  const VERDICT_KEYS = { y: "GO", m: "MAYBE", n: "NO GO" };

  let wanted = ""; // the person whose card is open, or on its way
  let order = []; // the rows as they stood when the walk began: a decision moves its row, and nobody comes twice
  let presses = 0;
  const waiting = []; // what keys asked for while a card was still on its way, in their order

  function rows() {
    return Array.from(document.querySelectorAll("[data-opens-screening]"));
  }

  function tell(store, data) {
    window.dash_clientside.set_props(store, { data: data });
  }

  function open(screening) {
    wanted = screening;
    const seen = rows().map((row) => row.dataset.opensScreening);
    order = order.includes(wanted) ? order.concat(seen.filter((one) => !order.includes(one))) : seen;
    tell("screening-open", { screening_id: screening });
  }

  function step(by) {
    const next = neighbour(by);
    if (!next) return;
    if (!order.length) order = rows().map((row) => row.dataset.opensScreening);
    open(next.dataset.opensScreening);
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  /* Who comes after (or before) the open person in the order in which they were seen, and is still here. */
  function neighbour(by) {
    const all = rows();
    const here = new Map(all.map((row) => [row.dataset.opensScreening, row]));
    const at = order.indexOf(wanted);
    if (at < 0) return here.has(wanted) ? all[all.indexOf(here.get(wanted)) + by] : all[by > 0 ? 0 : all.length - 1];
    for (let next = at + by; next >= 0 && next < order.length; next += by) {
      if (here.has(order[next])) return here.get(order[next]);
    }
    return undefined;
  }

  function pressOnCard(selector) {
    const button = document.querySelector('.verdict-card[data-screening="' + wanted + '"] ' + selector);
    if (button) button.click();
    return Boolean(button);
  }

  /* A key may come before its card, or the card's reasons, are drawn: it waits, and so does whatever follows it. */
  function inTurn(act) {
    waiting.push({ act: act, until: Date.now() + LONGEST_WAIT_MS });
    if (waiting.length === 1) goOn();
  }

  function goOn() {
    while (waiting.length && (waiting[0].act() || Date.now() > waiting[0].until)) waiting.shift();
    if (waiting.length) window.setTimeout(goOn, LOOK_AGAIN_MS);
  }

  function mayGiveReason() {
    return waiting.length > 0 || Date.now() - lastVerdictAt < LONGEST_WAIT_MS || document.querySelector("[data-reason]");
  }
  let lastVerdictAt = 0;

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (!document.querySelector("[data-triage]") || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    if (key === "j" || key === "arrowdown") inTurn(() => step(1) || true);
    else if (key === "k" || key === "arrowup") inTurn(() => step(-1) || true);
    else if (key in VERDICT_KEYS && (wanted || waiting.length)) {
      lastVerdictAt = Date.now();
      inTurn(() => pressOnCard('[data-verdict="' + VERDICT_KEYS[key] + '"]'));
    } else if (key === "u") inTurn(() => document.getElementById("screening-undo").click() || true);
    else if (/^[1-9]$/.test(key) && mayGiveReason()) inTurn(() => pressOnCard('[data-reason="' + key + '"]'));
    else return;
    event.preventDefault();
  });

  /* Rows and buttons are drawn anew all the time: a press is told here, with the person it was meant for. */
  document.addEventListener("click", function (event) {
    const row = event.target.closest("[data-opens-screening]");
    if (row) {
      order = []; // a walk begins here
      open(row.dataset.opensScreening);
    }
    const button = event.target.closest("[data-verdict], [data-reason]");
    if (button) {
      const press = { screening: button.closest("[data-screening]").dataset.screening, press: String(++presses) };
      if (button.dataset.verdict) tell("screening-pressed", { ...press, verdict: button.dataset.verdict });
      else tell("screening-reasoned", { ...press, number: button.dataset.reason });
    }
    // The button in a card that can be undone; the page has one that is always there.
    if (event.target.closest("[data-undo]")) document.getElementById("screening-undo").click();
  });

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.triage = {
    // The rows are drawn by the server; which one is open is this page's own business.
    markOpenRow: function (opened) {
      wanted = (opened && String(opened.screening_id || "")) || "";
      for (const row of rows()) row.classList.toggle("result-row-open", row.dataset.opensScreening === wanted);
      if (wanted && window.location.pathname === "/screening") {
        const address = new URL(window.location.href);
        address.searchParams.set("open", wanted);
        window.history.replaceState(window.history.state, "", address);
      }
      return wanted;
    },
  };
})();
